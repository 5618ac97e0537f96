/**
 * Imported before everything else: a signal that comes while the code is loaded ends the process when it is. Without it the
 * first process of a container would not hear of it at all, and go on to serve.
 */
export const quitEarly = (): void => process.exit(0);

export const STOP_SIGNALS = ['SIGINT', 'SIGTERM'] as const;

for (const signal of STOP_SIGNALS) process.on(signal, quitEarly);
