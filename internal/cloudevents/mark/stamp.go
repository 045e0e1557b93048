package mark

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// sign begins a stamp in a record.
const sign = "@"

// Stamp says which controller has ended a run, and in which batch of runs. The zero value is no stamp.
type Stamp struct {
	// Epoch identifies the controller, from its start as the leader to its end. A later controller has a larger one.
	Epoch int64
	// Batch is the number of the batch, from 1.
	Batch int
}

// ParseStamp reads a stamp, such as "@1764500003.16"; ok is false if the text is none.
func ParseStamp(text string) (s Stamp, ok bool) {
	text, ok = strings.CutPrefix(text, sign)
	epoch, batch, both := strings.Cut(text, ".")
	if !ok || !both {
		return Stamp{}, false
	}
	var first, second error
	s.Epoch, first = strconv.ParseInt(epoch, 10, 64)
	s.Batch, second = strconv.Atoi(batch)
	if first != nil || second != nil || s.Epoch < 1 || s.Batch < 1 {
		return Stamp{}, false
	}
	return s, true
}

// IsZero reports whether there is no stamp.
func (s Stamp) IsZero() bool { return s == Stamp{} }

// String is the inverse of ParseStamp; empty for no stamp.
func (s Stamp) String() string {
	if s.IsZero() {
		return ""
	}
	return sign + s.number()
}

func (s Stamp) number() string { return fmt.Sprintf("%d.%d", s.Epoch, s.Batch) }

func compareEpochs(a, b Stamp) int { return cmp.Compare(a.Epoch, b.Epoch) }
