/** What a user may be allowed to do, beyond what every user may. */
export const RIGHTS = [
  'provider:paid',
  'workflow:design',
  'task:operate',
  'betting:trade',
  'admin',
] as const;
export type Right = (typeof RIGHTS)[number];

/** The role that cannot be changed, so that nobody can shut every administrator out with one request. */
export const ADMIN_ROLE = 'admin';

/** `admin` implies all others, the paid provider included: whoever grants rights could give himself any of them. */
export function effectiveRights(granted: Iterable<string>): ReadonlySet<Right> {
  const given = new Set(granted);
  return new Set(given.has('admin') ? RIGHTS : RIGHTS.filter((right) => given.has(right)));
}
