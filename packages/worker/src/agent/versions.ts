/**
 * The rule of the two versioned streams of a session (assignments and routes): a complete set
 * first, then increments, each on the version before. A gap is never bridged by guessing: the agent
 * comes back and gets a complete set.
 */
export interface Increment {
  readonly complete: boolean;
  readonly base: number;
  readonly version: number;
}

export class VersionedStream {
  #version: number | undefined;

  /** A new session: nothing is known of its versions until its complete set comes. */
  restart(): void {
    this.#version = undefined;
  }

  /** True when the message follows what was taken before; it is then taken. */
  follows(message: Increment): boolean {
    const fits =
      message.complete || (this.#version !== undefined && message.base === this.#version);
    if (fits) this.#version = message.version;
    return fits;
  }
}

/** What the leader streams to a session. */
export class SessionStreams {
  readonly assignments = new VersionedStream();
  readonly routes = new VersionedStream();
  readonly members = new VersionedStream();

  restart(): void {
    this.assignments.restart();
    this.routes.restart();
    this.members.restart();
  }
}
