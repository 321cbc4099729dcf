// What a user's function may throw or reject with.

const unreadable = Object.defineProperties(
  {},
  Object.fromEntries(
    ['message', 'name', 'stack', 'code', 'constructor', 'then'].map((key) => [
      key,
      {
        get() {
          throw new Error(`${key} cannot be read`);
        },
      },
    ]),
  ),
);

const { proxy: revoked, revoke } = Proxy.revocable({}, {});
revoke();

/** By the name of its kind. */
export const thrownValues: Readonly<Record<string, unknown>> = {
  undefined: undefined,
  null: null,
  text: 'text',
  number: 7,
  symbol: Symbol('odd'),
  error: new Error('an error'),
  'frozen error': Object.freeze(new TypeError('a frozen error')),
  'error without a message': Object.assign(new Error(), { message: undefined }),
  'frozen object': Object.freeze({ odd: true }),
  'unreadable object': unreadable,
  'object without a prototype': Object.create(null),
  'revoked proxy': revoked,
};
