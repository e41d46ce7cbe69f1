/**
 * What was typed to start a task, by its type: it stays until the task has started, whatever else is shown meanwhile and whether
 * the gateway is there. In memory, since an input may hold passwords.
 */

const drafts = new Map<string, Draft>();

export interface Draft {
  readonly text: string;
  /** Makes repeating safe: the same text with the same key starts one task, however often it is sent. */
  readonly idempotencyKey: string;
}

export function draftOf(taskType: string): Draft | undefined {
  return drafts.get(taskType);
}

/** Another text is another task, so it gets a key of its own. */
export function keepDraft(taskType: string, text: string): Draft {
  const draft = { text, idempotencyKey: newKey() };
  drafts.set(taskType, draft);
  return draft;
}

export function dropDraft(taskType: string): void {
  drafts.delete(taskType);
}

export function dropDrafts(): void {
  drafts.clear();
}

/** `crypto.randomUUID` is missing on a page that came over plain HTTP from another machine. */
export function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
