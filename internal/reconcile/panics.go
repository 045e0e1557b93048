package reconcile

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// PanicTries is how many panics over one object there may be before it is given up. What made a pass panic may have been an
// object in the cache that has changed since; what makes five of them panic will not go away.
const PanicTries = 5

const (
	// pause is how long an object rests after its first panic; each further one doubles it, so that the fifth comes about
	// 15 seconds after the first.
	pause = time.Second
	// longestRest is how long an object rests at most: one that panics even when it is given up costs a pass now and then.
	longestRest = 5 * time.Minute
	// memory is after how long without a panic an object starts from nothing.
	memory = 15 * time.Minute
)

// Panic is a panic in the pass over one object.
type Panic struct {
	// Count of panics over this object by now, from 1.
	Count int
	// What happened, without any data of the object.
	What string
}

// Final reports whether the object is to be given up.
func (c Panic) Final() bool { return c.Count >= PanicTries }

// Message tells the object's user what has happened.
func (c Panic) Message() string {
	if c.Final() {
		return fmt.Sprintf("the controller panicked %d times while it worked on this run, and gives it up: %s; "+
			"that is a mistake in Sluice: report it, with what the controller's log says under this run's name", c.Count, c.What)
	}
	return fmt.Sprintf("the controller panicked while it worked on this run (%d of at most %d times), and tries again: %s",
		c.Count, PanicTries, c.What)
}

// record is what is known of an object that a pass has panicked over.
type record struct {
	count int
	last  time.Time
}

// rest is how long the object is left alone after its last panic.
func (r record) rest() time.Duration {
	d := pause
	for range r.count - 1 {
		if d *= 2; d > longestRest {
			return longestRest
		}
	}
	return d
}

// PanicTracker are the panics over the objects of one kind.
type PanicTracker struct {
	clock clock.PassiveClock

	mu      sync.Mutex
	records map[types.UID]record
}

// NewPanicTracker returns PanicTracker that know of none.
func NewPanicTracker(c clock.PassiveClock) *PanicTracker {
	return &PanicTracker{clock: c, records: map[types.UID]record{}}
}

// Backoff returns how much longer an object is to be left alone: 0 when it is not.
func (c *PanicTracker) Backoff(o metav1.Object) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	r, known := c.records[o.GetUID()]
	if !known {
		return 0
	}
	return max(r.last.Add(r.rest()).Sub(c.clock.Now()), 0)
}

// Recover is to be deferred by the pass over o. It has a panic told on the object by report, and lets it go on: the
// controller-runtime logs it with its stack, counts it, ends this pass with an error, and goes on with other objects.
func (c *PanicTracker) Recover(ctx context.Context, o metav1.Object, report func(Panic) error) {
	value := recover()
	if value == nil {
		return
	}
	crash := Panic{Count: c.note(o.GetUID()), What: what(value)}
	if err := reported(crash, report); err != nil {
		log.FromContext(ctx).Error(err, "cannot report a panic on its object", "panics", crash.Count)
	}
	panic(value)
}

// note counts a panic, and forgets objects that have long had none.
func (c *PanicTracker) note(uid types.UID) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.clock.Now()
	for known, r := range c.records {
		if now.Sub(r.last) > memory {
			delete(c.records, known)
		}
	}
	r := record{count: c.records[uid].count + 1, last: now}
	c.records[uid] = r
	return r.count
}

// reported calls report, which may panic for the same cause.
func reported(crash Panic, report func(Panic) error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = fmt.Errorf("the report panicked, too: %s", what(value))
		}
	}()
	return report(crash)
}

// what says what a panic was about. Only the words of the Go runtime are repeated: another value could hold anything, also
// what is nobody's business.
func what(value any) string {
	if carried, ok := value.(*PropagatedError); ok {
		value = carried.Value
	}
	if err, ok := value.(error); ok {
		if fault, ok := errors.AsType[runtime.Error](err); ok {
			return fault.Error()
		}
	}
	return fmt.Sprintf("a panic with a value of type %T", value)
}

// PropagatedError is a panic that has been carried from the goroutine that it happened in to the one that waits for it.
type PropagatedError struct {
	// Value that was given to panic.
	Value any
	// Stack of the goroutine.
	Stack []byte
}

// Error implements error; it has the stack, since that of the goroutine that it is raised in does not tell anything.
func (c *PropagatedError) Error() string {
	return fmt.Sprintf("%v, in a goroutine:\n%s", c.Value, c.Stack)
}

// Propagator takes panics from goroutines to the one that waits for them. The zero value is ready.
type Propagator struct {
	mu    sync.Mutex
	first *PropagatedError
}

// Catch is to be deferred in a goroutine, or around a part of its work.
func (c *Propagator) Catch() {
	value := recover()
	if value == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.first == nil {
		c.first = &PropagatedError{Value: value, Stack: debug.Stack()}
	}
}

// Raise panics if one of the goroutines did. Call it once they have ended.
func (c *Propagator) Raise() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.first != nil {
		panic(c.first)
	}
}
