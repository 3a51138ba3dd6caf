// What was found to be damaged, in words for the user.
// Must not know: who found it, where it is shown.

import type { StoreFinding } from '../../api/jan';
import type { Damage } from './follower';

export function describeDamage({ kind, file, start, end }: Damage): StoreFinding {
  const message = {
    record: `${end - start} bytes of ${file} from byte ${start} on are no valid records; what was in them is lost, everything else was read.`,
    content: `A record of ${file} at byte ${start} is intact but holds something that is not valid; it was passed over.`,
    snapshot: `${file} is damaged; the state was read from the files before it.`,
  }[kind];
  return { kind, message, file, start, end };
}
