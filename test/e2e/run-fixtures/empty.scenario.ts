// Not a whole program: tests write it where it is not compiled with the rest.
export {};
