/**
 * How many calls of a project may be sent now, as a port: what is granted counts for all instances of the gateway that share it.
 * `call-budget` asks for calls that wait, and sends what is granted at once. In memory each question is answered at once and
 * for one call; handles on one store stand for instances.
 */

import type { Clock } from "../../clock.js";
import { CallTurns } from "./call-turns.js";
import { CallWindow } from "./call-window.js";

export interface CallGrants {
  /** Whether others have to be asked: then calls that begin to wait together are asked for together. */
  readonly isAsked: boolean;
  /** What asks for this project, of which an instance has one at a time. Makes no call. */
  of(projectName: string): ProjectGrants;
}

/** The calls of a project that wait, in the instance that asks. */
export interface WaitingCalls {
  readonly size: number;
  /** How many of each urgency; none that has none. */
  readonly sizes: ReadonlyMap<number, number>;
}

export interface ProjectGrants {
  /**
   * Asks for calls that wait, at most so many; one question at a time. A promise only where others have to be asked. What is
   * granted is for this turn of the event loop: what is not sent then is lost.
   *
   * @throws GatewayError - when nothing can be known of what others were granted: the calls are to be refused with it.
   */
  take(waiting: WaitingCalls, most: number): Grant | Promise<Grant>;
  /** How many more would be granted at this moment, as far as this instance knows. */
  readonly left: number;
  /** Whether it may be released: a new one would grant the same. */
  readonly isUnused: boolean;
  /** Nothing more is asked. */
  release(): void;
}

export interface Grant {
  readonly calls: number;
  /** So many of each urgency; undefined where their order is the business of the one who asks. */
  readonly byUrgency?: ReadonlyMap<number, number> | undefined;
  /** Milliseconds after which to ask for the rest; 0 for at once. */
  readonly againMs: number;
}

/** IMM counts by seconds. */
const WINDOW_MS = 1_000;
/** Milliseconds after which to ask again for calls that are kept for others. */
export const KEPT_AGAIN_MS = 50;
/** Milliseconds beyond those after which an instance is to ask again, for which calls are kept for it. */
export const LATE_MS = 250;

const ONE: Grant = { calls: 1, againMs: 0 };

export interface InMemoryCallGrantsOptions {
  readonly clock: Clock;
  /** Calls of one project in any window of a second. */
  readonly maxCallsPerSecond: number;
  /** Of all instances. @default one of its own */
  readonly store?: CallGrantsStore | undefined;
}

/** What instances share: what each project was granted, and who waits for more. */
export type CallGrantsStore = Map<string, SharedProject>;

interface SharedProject {
  readonly window: CallWindow;
  readonly turns: CallTurns;
  readonly handles: Set<ProjectGrants>;
}

export class InMemoryCallGrants implements CallGrants {
  readonly isAsked = false;
  readonly #options: InMemoryCallGrantsOptions;
  readonly #store: CallGrantsStore;

  constructor(options: InMemoryCallGrantsOptions) {
    this.#options = options;
    this.#store = options.store ?? new Map();
  }

  of(projectName: string): ProjectGrants {
    const store = this.#store;
    const shared = store.get(projectName) ?? {
      window: new CallWindow(WINDOW_MS),
      turns: new CallTurns(),
      handles: new Set(),
    };
    store.set(projectName, shared);
    return new InMemoryProjectGrants(shared, this.#options, () => store.delete(projectName));
  }
}

class InMemoryProjectGrants implements ProjectGrants {
  readonly #shared: SharedProject;
  readonly #clock: Clock;
  readonly #max: number;
  readonly #onLast: () => void;

  constructor(shared: SharedProject, options: InMemoryCallGrantsOptions, onLast: () => void) {
    this.#shared = shared;
    this.#clock = options.clock;
    this.#max = options.maxCallsPerSecond;
    this.#onLast = onLast;
    shared.handles.add(this);
  }

  get left(): number {
    return this.#shared.window.left(this.#clock.tick(), this.#max);
  }

  get isUnused(): boolean {
    return this.#shared.window.isEmpty(this.#clock.tick());
  }

  take(waiting: WaitingCalls, most: number): Grant {
    const { window, handles } = this.#shared;
    if (handles.size > 1) return this.#takeTurns(waiting, most);
    const now = this.#clock.tick();
    const againMs = window.restMs(now, this.#max);
    if (againMs > 0) return { calls: 0, againMs };
    window.count(now);
    return ONE;
  }

  release(): void {
    const { handles, turns } = this.#shared;
    turns.leave(this);
    handles.delete(this);
    if (handles.size === 0) this.#onLast();
  }

  #takeTurns(waiting: WaitingCalls, most: number): Grant {
    const { window, turns } = this.#shared;
    const now = this.#clock.tick();
    const room = window.left(now, this.#max);
    const { calls, byUrgency, isWanting } = turns.deal({ holder: this, wanted: waiting.sizes, most, room, now });
    for (let call = 0; call < calls; call += 1) window.count(now);
    if (!isWanting) return { calls, byUrgency, againMs: 0 };
    const againMs = calls < room ? KEPT_AGAIN_MS : window.restMs(now, this.#max);
    turns.keep(this, most, now + againMs + LATE_MS);
    return { calls, byUrgency, againMs };
  }
}
