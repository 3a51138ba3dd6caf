// Entry of the page. The kit comes first: its theme listener must be there before `load`.
// Must not know: anything but what to start.

import './kit';
import './chatApp';
