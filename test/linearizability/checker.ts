/**
 * Is a history of concurrent operations linearizable? (Wing and Gong 1993; Lowe 2017 for the list
 * and the memory of what was tried.)
 *
 * The search puts one operation after the other where it may have taken effect: first any that had
 * been called before the earliest return still ahead. Whoever returned must find a place before
 * that return; whoever never did (`returnedAt` infinite: the outcome is unknown) may have one at
 * any time, or none.
 *
 * Intervals are closed: an operation that returns at the very instant at which another is called
 * may take effect after it. Two runs of the search that placed the same operations and reached the
 * same state go on alike, so the second one is cut off.
 *
 * Objects are independent: a history of several is linearizable if that of each is (Herlihy and
 * Wing 1990). So whoever records keeps one history for each object, which makes the search short.
 */

export interface Operation<Action> {
  readonly client: string;
  readonly calledAt: number;
  /** Infinite: the client never learned how it ended. */
  readonly returnedAt: number;
  readonly action: Action;
}

export interface Model<State, Action> {
  readonly initial: State;
  /** The state after, or undefined when the action cannot have been answered as it was here. */
  step(state: State, action: Action): State | undefined;
  /** Equal texts mean equal states. */
  describeState(state: State): string;
  describeAction(action: Action): string;
}

export type Verdict<Action> =
  | { readonly kind: "linearizable"; readonly order: readonly Operation<Action>[] }
  /** `placed`: the longest order that was found; no operation of `stuck` can follow in it. */
  | {
      readonly kind: "violation";
      readonly placed: readonly Operation<Action>[];
      readonly stuck: readonly Operation<Action>[];
    }
  /** More than `STEPS_MAX` steps: the history is too long, or too much of it is unknown. */
  | { readonly kind: "undecided" };

/** A history of fifty operations by five clients takes a few hundred. */
const STEPS_MAX = 2_000_000;

export function checkHistory<State, Action>(
  model: Model<State, Action>,
  history: readonly Operation<Action>[],
  stepsMax = STEPS_MAX,
): Verdict<Action> {
  return new Search(model, history).run(stepsMax);
}

/**
 * A call or a return in the order of time; a doubly linked list, since the search lifts them out.
 */
interface Event {
  readonly operation: number;
  readonly isCall: boolean;
  readonly at: number;
  before: Event | undefined;
  after: Event | undefined;
  /** Of a call: the return, when there was one. */
  match: Event | undefined;
}

class Search<State, Action> {
  readonly #model: Model<State, Action>;
  readonly #history: readonly Operation<Action>[];
  readonly #head: Event;
  readonly #tried = new Set<string>();
  /** Words of 31 bits: which operations are placed. */
  readonly #placed: number[];
  readonly #stack: { readonly call: Event; readonly state: State }[] = [];
  #state: State;
  /** Operations that returned and have no place yet. */
  #open: number;
  #longest: readonly number[] = [];

  constructor(model: Model<State, Action>, history: readonly Operation<Action>[]) {
    this.#model = model;
    this.#history = history;
    this.#state = model.initial;
    this.#head = linked(history);
    this.#placed = Array.from({ length: Math.ceil(history.length / 31) }, () => 0);
    this.#open = history.filter(({ returnedAt }) => Number.isFinite(returnedAt)).length;
  }

  run(stepsMax: number): Verdict<Action> {
    let event = this.#head.after;
    for (let steps = 0; this.#open > 0; steps += 1) {
      if (steps >= stepsMax) return { kind: "undecided" };
      if (event?.isCall === true) {
        event = this.#place(event) ? this.#head.after : event.after;
        continue;
      }
      // A return that nothing may pass, or the end: what was placed last does not belong there.
      const last = this.#stack.pop();
      if (last === undefined) return this.#violation();
      this.#takeBack(last);
      event = last.call.after;
    }
    const order = this.#stack.map(({ call }) => call.operation);
    return { kind: "linearizable", order: this.#operations(order) };
  }

  #place(call: Event): boolean {
    const action = this.#action(call.operation);
    const next = this.#model.step(this.#state, action);
    if (next === undefined) return false;
    this.#flip(call.operation);
    const key = `${this.#placed.join(" ")}|${this.#model.describeState(next)}`;
    if (this.#tried.has(key)) {
      this.#flip(call.operation);
      return false;
    }
    this.#tried.add(key);
    this.#stack.push({ call, state: this.#state });
    this.#state = next;
    if (call.match !== undefined) this.#open -= 1;
    lift(call);
    if (this.#stack.length > this.#longest.length) {
      this.#longest = this.#stack.map((item) => item.call.operation);
    }
    return true;
  }

  #takeBack({ call, state }: { readonly call: Event; readonly state: State }): void {
    this.#flip(call.operation);
    this.#state = state;
    if (call.match !== undefined) this.#open += 1;
    putBack(call);
  }

  #flip(operation: number): void {
    const word = Math.floor(operation / 31);
    this.#placed[word] = (this.#placed[word] ?? 0) ^ (1 << (operation % 31));
  }

  #violation(): Verdict<Action> {
    const placed = new Set(this.#longest);
    const rest = this.#history.filter((_, at) => !placed.has(at));
    const deadline = Math.min(...rest.map(({ returnedAt }) => returnedAt));
    const stuck = rest.filter(({ calledAt }) => calledAt <= deadline);
    return { kind: "violation", placed: this.#operations(this.#longest), stuck };
  }

  #operations(numbers: readonly number[]): readonly Operation<Action>[] {
    return numbers.flatMap((at) => this.#history[at] ?? []);
  }

  #action(operation: number): Action {
    const found = this.#history[operation];
    if (found === undefined) throw new Error(`no operation ${operation}`);
    return found.action;
  }
}

function linked<Action>(history: readonly Operation<Action>[]): Event {
  const blank = { before: undefined, after: undefined, match: undefined };
  const events: Event[] = [];
  for (const [operation, { calledAt, returnedAt }] of history.entries()) {
    const call: Event = { ...blank, operation, isCall: true, at: calledAt };
    events.push(call);
    if (!Number.isFinite(returnedAt)) continue;
    call.match = { ...blank, operation, isCall: false, at: returnedAt };
    events.push(call.match);
  }
  // Closed intervals: of one instant, the calls first.
  events.sort((a, b) => a.at - b.at || Number(b.isCall) - Number(a.isCall));
  const head: Event = { ...blank, operation: -1, isCall: false, at: Number.NEGATIVE_INFINITY };
  let last = head;
  for (const event of events) {
    last.after = event;
    event.before = last;
    last = event;
  }
  return head;
}

function lift(call: Event): void {
  unlink(call);
  if (call.match !== undefined) unlink(call.match);
}

/** In the reverse order of `lift`: each then finds its neighbours as it left them. */
function putBack(call: Event): void {
  if (call.match !== undefined) relink(call.match);
  relink(call);
}

function unlink(event: Event): void {
  if (event.before !== undefined) event.before.after = event.after;
  if (event.after !== undefined) event.after.before = event.before;
}

function relink(event: Event): void {
  if (event.before !== undefined) event.before.after = event;
  if (event.after !== undefined) event.after.before = event;
}
