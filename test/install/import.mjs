// How long an import takes; then the process has to end by itself.
const started = performance.now();
await import('continual-torch');
console.log((performance.now() - started) / 1000);
