package reconcile

import (
	"errors"
	"sync/atomic"
	"testing"
)

// TestEachCallsAll: a panic of one call reaches the caller after all other calls were made.
func TestEachCallsAll(t *testing.T) {
	called := make([]bool, 50)
	propagated := func() (value any) {
		defer func() { value = recover() }()
		Each(len(called), func(i int) {
			called[i] = true
			if i%3 == 0 {
				panic(errors.New("every third"))
			}
		})
		return nil
	}()
	if _, ok := propagated.(*PropagatedError); !ok {
		t.Errorf("want the panic propagated to the caller, got %v", propagated)
	}
	for i := range called {
		if !called[i] {
			t.Errorf("want number %d called", i)
		}
	}
}

// TestEachIsBounded: at most width calls are under way at once, and none is left when Each returns.
func TestEachIsBounded(t *testing.T) {
	var now, most atomic.Int32
	Each(10*width, func(int) {
		n := now.Add(1)
		for {
			if seen := most.Load(); n <= seen || most.CompareAndSwap(seen, n) {
				break
			}
		}
		now.Add(-1)
	})
	if now.Load() != 0 || most.Load() > width {
		t.Errorf("want at most %d calls at once and none left, got %d and %d", width, most.Load(), now.Load())
	}
}
