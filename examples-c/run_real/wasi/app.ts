import { Colour, twice } from "./lib";

interface Named { name?: string }

class Greeter {
  #greeted = 0;
  constructor(private readonly word: string) {}
  greet({ name = "world" }: Named): string {
    this.#greeted++;
    return `${this.word}, ${name}! (${this.#greeted})`;
  }
}

console.log(new Greeter("hello").greet({}), twice(Colour.Green), 6 * 7);
