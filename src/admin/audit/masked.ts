const SECRET = /secret|password|(^|_)token$|hmac|api_?key$|credential|authorization/i;
const MASK = '***';

/** A copy without the value of anything that is called like a secret; what it was cannot be told from what is left. */
export function masked(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(masked);
  if (value instanceof Date) return value.toISOString();
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name, isSecret(name, inner) ? MASK : masked(inner)]),
  );
}

const isSecret = (name: string, value: unknown): boolean =>
  value !== null && value !== undefined && SECRET.test(name) && !/_expires_at$|per_token$/.test(name);
