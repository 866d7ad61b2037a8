// @ts-check
// What words mean: asked of the server, which keeps nothing.

const PATIENCE_MS = 10_000;

/** @param {string} path @param {object} body @returns {Promise<{ answers: any[], is_sure: boolean, problem: string } | null>} null without an answer */
export async function readWords(path, body) {
  try {
    const answer = await fetch(path, {
      method: "POST", headers: { "Content-Type": "application/json", Accept: "application/json" }, body: JSON.stringify(body), signal: AbortSignal.timeout(PATIENCE_MS),
    });
    const said = await answer.json();
    return answer.ok ? said : { answers: [], is_sure: true, problem: said.error?.message ?? `answer ${answer.status}` };
  } catch {
    return null;
  }
}
