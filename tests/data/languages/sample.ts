import { z } from "zod";

/** What a client needs. */
export interface Options {
  retries: number;
}

export type Handler<T> = (value: T) => void;
export enum Level {
  Low,
  High,
}

export const limit = 5, parse = (text: string) => text;

@Injectable({
  scope: "root",
})
export class Service extends Base implements Options {
  retries = 1;
  private send = async (x: number) => x;

  constructor(private readonly http: Http) {
    super();
  }

  // Called once.
  @Get("/users")
  @Auth()
  async list(): Promise<string[]> {
    return [];
  }
}

abstract class Shape {
  abstract area(): number;
}

export namespace Geometry {
  export class Point {
    norm(): number {
      return 0;
    }
  }
}

export function over(a: string): void;
export function over(a: number): void;
export function over(a: unknown): void {}

declare function ambient(x: number): string;
