/** A reporter of node's test runner that writes what `scripts/test.mjs` adds up, in the form of vitest's JSON reporter. */
export default async function* countTests(events) {
  const counts = { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, numTodoTests: 0, testResults: [] };
  for await (const { type, data } of events) {
    if (data?.details?.type === "suite" || (type !== "test:pass" && type !== "test:fail")) continue;
    if (data.skip !== undefined) counts.numPendingTests++;
    else if (data.todo !== undefined) counts.numTodoTests++;
    else counts[type === "test:pass" ? "numPassedTests" : "numFailedTests"]++;
  }
  yield JSON.stringify(counts);
}
