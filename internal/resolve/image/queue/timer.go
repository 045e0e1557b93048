package queue

import "time"

// resting is a heap of jobs by the time of their next try.
type resting []*job

// Len implements heap.Interface.
func (r *resting) Len() int { return len(*r) }

// Less implements heap.Interface.
func (r *resting) Less(a, b int) bool { return (*r)[a].due.Before((*r)[b].due) }

// Swap implements heap.Interface.
func (r *resting) Swap(a, b int) {
	jobs := *r
	jobs[a], jobs[b] = jobs[b], jobs[a]
	jobs[a].place, jobs[b].place = a, b
}

// Push implements heap.Interface.
func (r *resting) Push(x any) {
	if j, ok := x.(*job); ok {
		j.place = len(*r)
		*r = append(*r, j)
	}
}

// Pop implements heap.Interface.
func (r *resting) Pop() any {
	last := len(*r) - 1
	j := (*r)[last]
	(*r)[last] = nil
	*r = (*r)[:last]
	return j
}

// setTimer schedules dispatch for the next try, or for when the rate lets a namespace start another job. The lock is held.
func (q *Queue) setTimer(now time.Time) {
	var at time.Time
	sooner := func(t time.Time) {
		if !t.IsZero() && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	if len(q.resting) > 0 {
		sooner(q.resting[0].due)
	}
	if len(q.busy) < q.options.Workers { // otherwise the end of a lookup calls dispatch
		for _, t := range q.ring {
			sooner(t.startsAt(q.options, now))
		}
	}
	if at.Equal(q.timerAt) {
		return
	}
	if q.timer != nil {
		q.timer.Stop()
		q.timer = nil
	}
	if q.timerAt = at; !at.IsZero() {
		q.timer = time.AfterFunc(at.Sub(now), q.tick)
	}
}

func (q *Queue) tick() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.timerAt = time.Time{}
	q.dispatch(time.Now())
}
