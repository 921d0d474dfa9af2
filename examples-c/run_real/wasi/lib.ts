export enum Colour { Red, Green }
export const twice = <T,>(value: T): [T, T] => [value, value];
export const unused = (n: number) => n ** 2;
