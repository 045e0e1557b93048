package reconcile

import "sync"

// width is the number of concurrent calls of Each.
const width = 8

// Each calls do for every number from 0 to n-1, up to eight at once, and returns when all calls have returned. If calls
// panic, Each makes all other calls first and then panics with a *PropagatedError.
func Each(n int, do func(i int)) {
	if n == 1 {
		do(0)
		return
	}
	next := make(chan int)
	var all sync.WaitGroup
	var panics Propagator
	guarded := func(i int) {
		defer panics.Catch()
		do(i)
	}
	for range min(n, width) {
		all.Go(func() {
			for i := range next {
				guarded(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	all.Wait()
	panics.Raise()
}
