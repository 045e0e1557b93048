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

// PanicTries is the number of panics over one object after which the controller gives it up. A first panic may be due to an
// object in the cache that has changed since. After five panics the cause is permanent.
const PanicTries = 5

const (
	// pause is the delay after the first panic over an object. Each further panic doubles it, so that the fifth occurs about
	// 15 seconds after the first.
	pause = time.Second
	// longestRest is the maximum delay. An object that panics even after it is given up costs a reconcile from time to time.
	longestRest = 5 * time.Minute
	// memory is the time without a panic after which an object counts from 0 again.
	memory = 15 * time.Minute
)

// Panic is a panic in the reconcile of one object.
type Panic struct {
	// Count is the number of panics over this object, from 1.
	Count int
	// What describes the panic, without data of the object.
	What string
}

// Final reports whether the controller gives up the object.
func (c Panic) Final() bool { return c.Count >= PanicTries }

// Message returns the message for the object's user.
func (c Panic) Message() string {
	if c.Final() {
		return fmt.Sprintf("the controller panicked %d times while it worked on this run, and gives it up: %s; "+
			"that is a mistake in Sluice: report it, with what the controller's log says under this run's name", c.Count, c.What)
	}
	return fmt.Sprintf("the controller panicked while it worked on this run (%d of at most %d times), and tries again: %s",
		c.Count, PanicTries, c.What)
}

// record is the panics over one object.
type record struct {
	count int
	last  time.Time
}

// rest returns the delay after the last panic.
func (r record) rest() time.Duration {
	d := pause
	for range r.count - 1 {
		if d *= 2; d > longestRest {
			return longestRest
		}
	}
	return d
}

// PanicTracker tracks the panics over the objects of one kind.
type PanicTracker struct {
	clock clock.PassiveClock

	mu      sync.Mutex
	records map[types.UID]record
}

// NewPanicTracker returns a PanicTracker without panics.
func NewPanicTracker(c clock.PassiveClock) *PanicTracker {
	return &PanicTracker{clock: c, records: map[types.UID]record{}}
}

// Backoff returns how much longer the controller must not reconcile an object; 0 if it may.
func (c *PanicTracker) Backoff(o metav1.Object) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	r, known := c.records[o.GetUID()]
	if !known {
		return 0
	}
	return max(r.last.Add(r.rest()).Sub(c.clock.Now()), 0)
}

// Recover reports a panic on o by report, and panics again. controller-runtime then logs the panic with its stack, counts it,
// ends this reconcile with an error, and continues with other objects. The caller defers Recover in the reconcile of o.
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

// note counts a panic, and removes objects without a recent panic.
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

// what describes a panic. It repeats only messages of the Go runtime. Any other value could contain confidential data.
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

// PropagatedError is a panic that was propagated from its goroutine to the one that waits for it.
type PropagatedError struct {
	// Value is the argument of panic.
	Value any
	// Stack is the stack of the goroutine with the panic.
	Stack []byte
}

// Error returns the value and the stack, because the stack of the waiting goroutine does not show the cause.
func (c *PropagatedError) Error() string {
	return fmt.Sprintf("%v, in a goroutine:\n%s", c.Value, c.Stack)
}

// Propagator propagates panics from goroutines to the one that waits for them. The zero value is ready to use.
type Propagator struct {
	mu    sync.Mutex
	first *PropagatedError
}

// Catch catches a panic. Defer it in a goroutine, or around a part of its work.
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

// Raise panics if one of the goroutines panicked. Call it after they have ended.
func (c *Propagator) Raise() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.first != nil {
		panic(c.first)
	}
}
