/** Replaces one piece of a stored function, which must be in it once: else it is not the function that the migration knows. */
async function rewriteFunction(queryRunner, signature, before, after) {
  const [{ text }] = await queryRunner.query(`select pg_get_functiondef('${signature}'::regprocedure) as text`);
  if (text.split(before).length !== 2) throw new Error(`${signature} is not the function this migration knows`);
  await queryRunner.query(text.replace(before, () => after));
}

module.exports = { rewriteFunction };
