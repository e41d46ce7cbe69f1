/**
 * What waits for one reader: of each key the newest item, in the order in which the keys first had news.
 *
 * So a slow reader finds the newest, and no more waits than there are keys. Nothing in it is awaited: an item reaches a
 * reader that waits in the same call.
 */

export class Mailbox<Key, Item> {
  /** Undefined while nothing waits: thousands of mailboxes are empty. */
  #unread: Map<Key, Item> | undefined;
  #reader: ((item: Item) => void) | undefined;

  /** @param unread - what there is to begin with. */
  constructor(unread?: ReadonlyMap<Key, Item>) {
    if (unread !== undefined && unread.size > 0) this.#unread = new Map(unread);
  }

  get isEmpty(): boolean {
    return this.#unread === undefined;
  }

  /** Whether the reader waits for the next item. */
  get isAwaited(): boolean {
    return this.#reader !== undefined;
  }

  unread(key: Key): Item | undefined {
    return this.#unread?.get(key);
  }

  /** Gives an item to the reader that waits, or keeps it in the place of an unread older one. */
  put(key: Key, item: Item): void {
    const reader = this.#reader;
    this.#reader = undefined;
    if (reader === undefined) (this.#unread ??= new Map<Key, Item>()).set(key, item);
    else reader(item);
  }

  /** Calls `reader` once, with the first unread item or, if there is none, with the next that comes. */
  read(reader: (item: Item) => void): void {
    const unread = this.#unread;
    if (unread === undefined) {
      this.#reader = reader;
      return;
    }
    for (const [key, item] of unread) {
      this.remove(key);
      return reader(item);
    }
  }

  /** Reads item after item, each when `onTaken` of the one before has been called. */
  readEach(reader: (item: Item, onTaken: () => void) => void): void {
    const readNext = (): void => this.read((item) => reader(item, readNext));
    readNext();
  }

  /** Takes what is unread. */
  readRest(): Item[] {
    if (this.#unread === undefined) return [];
    const items = [...this.#unread.values()];
    this.#unread = undefined;
    return items;
  }

  remove(key: Key): void {
    if (this.#unread?.delete(key) === true && this.#unread.size === 0) this.#unread = undefined;
  }
}
