// Preloaded into every process of a run: the one whose script VICTIM names dies at its start, or runs out of memory.
const script = (process.argv[1] ?? '').replace(/\.js$/, '');
if (process.env.VICTIM !== undefined && script.endsWith(process.env.VICTIM)) {
  if (process.env.VICTIM_WAY === 'dies') {
    console.error('deliberate end');
    process.exit(7);
  }
  const keep = [];
  setTimeout(() => {
    for (;;) keep.push({ more: [1, 2, 3] });
  }, 1_500);
}
