// Questions to the server -> its answers. What went wrong is an Error with one line, and `again`: whether the same question may help.

export const GONE = "the server does not answer; start it again with make serve";

// The answer of `path`, from JSON.
export async function ask(path, options = {}) {
  const answer = await fetch(path, options).catch(() => { throw failure(GONE, true); });
  const found = await answer.json().catch(() => null); // a cut answer, or another program's page
  if (answer.ok && found !== null) return found;
  const again = answer.status >= 500 || answer.status === 408 || found === null;
  throw failure(found?.error ?? `the answer of status ${answer.status} is not this server's; start it again with make serve`, again);
}

function failure(words, again) {
  return Object.assign(new Error(words), { again });
}
