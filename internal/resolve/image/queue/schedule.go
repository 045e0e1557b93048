package queue

import (
	"container/heap"
	"context"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/sluice-ci/sluice/internal/resolve/image"
)

// add creates a job that waits for its turn, and starts nothing. The lock must be held, as for all functions of this file
// except attempt and run.
func (q *Queue) add(k key, host, name string, pull image.Pull) *job {
	j := &job{key: k, tenant: q.tenantOf(pull.Namespace), host: host, image: name, pull: pull, owners: map[types.NamespacedName]struct{}{}}
	q.open[k] = j
	q.waiting++
	j.tenant.waiting++
	q.ready(j)
	return j
}

// ready makes a job wait for its turn, which does not come while another lookup with its key is in progress.
func (q *Queue) ready(j *job) {
	if q.busy[j.key] != nil {
		j.state = blocked
		return
	}
	j.state = ready
	if len(j.tenant.ring) == 0 {
		q.ring = append(q.ring, j.tenant)
	}
	j.tenant.push(j)
}

// remove removes a job for which no run waits.
func (q *Queue) remove(j *job) {
	was := j.state
	j.state = removed
	switch was {
	case ready:
		q.unready(j)
	case rests:
		heap.Remove(&q.resting, j.place)
	case started:
		j.cancel() // finish does the rest
		return
	case answered:
		q.release(j)
		return
	case blocked, removed:
	}
	q.leave(j)
}

// unready removes a job from its lane.
func (q *Queue) unready(j *job) {
	j.tenant.pull(j)
	if len(j.tenant.ring) == 0 {
		q.ring = slices.DeleteFunc(q.ring, func(t *tenant) bool { return t == j.tenant })
	}
}

// leave marks a job as not waiting, and not open for further runs.
func (q *Queue) leave(j *job) {
	delete(q.open, j.key)
	q.waiting--
	j.tenant.waiting--
}

// dispatch starts all jobs that may start, and sets the timer for the next one.
func (q *Queue) dispatch(now time.Time) {
	for len(q.resting) > 0 && !q.resting[0].due.After(now) {
		if j, ok := heap.Pop(&q.resting).(*job); ok {
			q.ready(j)
		}
	}
	for len(q.busy) < q.options.Workers {
		j := q.next(now)
		if j == nil {
			break
		}
		q.attempt(j)
	}
	q.setTimer(now)
}

// next returns a job of the next namespace, in turn, that may start one.
func (q *Queue) next(now time.Time) *job {
	for i, t := range q.ring {
		j := t.next(q.options, now)
		if j == nil {
			continue
		}
		q.ring = slices.Delete(q.ring, i, i+1)
		if len(t.ring) > 0 {
			q.ring = append(q.ring, t)
		}
		return j
	}
	return nil
}

// attempt starts a lookup.
func (q *Queue) attempt(j *job) {
	q.leave(j)
	j.state = started
	q.busy[j.key] = j
	ctx, cancel := context.WithCancel(q.base)
	j.cancel = cancel
	go func() {
		defer cancel()
		q.run(ctx, j)
	}()
}

// run makes one try and wakes all runs that wait for it.
func (q *Queue) run(ctx context.Context, j *job) {
	found, err := q.find(ctx, j)
	for _, owner := range q.finish(j, found, err, time.Now()) {
		q.wake(owner)
	}
}

// find looks up the image. It recovers from a panic, so that data of a registry cannot end the controller.
func (q *Queue) find(ctx context.Context, j *job) (found image.Entrypoint, err error) {
	defer func() {
		if value := recover(); value != nil {
			q.options.Log.Error(fmt.Errorf("panic: %v", value), "image lookup panicked",
				"namespace", j.pull.Namespace, "image", j.image, "stack", string(debug.Stack()))
			err = &image.PassingError{Words: "the controller could not read the response of registry " + j.host}
		}
	}()
	return q.finder.Entrypoint(ctx, j.image, j.pull)
}

// finish records the outcome of a try and returns the runs to wake.
func (q *Queue) finish(j *job, found image.Entrypoint, err error, now time.Time) []types.NamespacedName {
	q.mu.Lock()
	defer q.mu.Unlock()
	defer q.dispatch(now)
	delete(q.busy, j.key)
	j.tenant.ended(j)
	follower := q.open[j.key] // a run made its request after this try had begun
	if j.state != removed {
		q.settle(j, found, err, now)
	}
	if follower != nil && follower.state == blocked {
		if j.state == rests {
			q.merge(j, follower)
		} else {
			q.ready(follower)
		}
	}
	return slices.Collect(maps.Keys(j.owners))
}

// settle records the outcome of a try. After a transient failure the job rests, unless it has failed for too long.
func (q *Queue) settle(j *job, found image.Entrypoint, err error, now time.Time) {
	if err != nil {
		q.log(j, err, now)
		if j.attempts++; j.attempts == 1 {
			j.firstFailed = now
		}
		if now.Sub(j.firstFailed) >= q.options.Patience {
			err = image.GiveUp(j.image, j.pull, err, q.options.Patience)
		}
		if j.err = err; !image.Final(err) {
			j.state, j.due = rests, now.Add(q.options.backoff(j.attempts))
			if q.open[j.key] == nil {
				q.open[j.key] = j
				q.waiting++
				j.tenant.waiting++
				heap.Push(&q.resting, j)
			}
			return
		}
	}
	j.state, j.entrypoint, j.err = answered, found, err
	q.hold(j)
}

// merge lets the runs that made their requests during a failed try wait for the next try with the others.
func (q *Queue) merge(j, follower *job) {
	for owner := range j.owners {
		follower.owners[owner] = struct{}{}
		q.runs[owner].jobs[j.key] = follower
	}
	follower.attempts, follower.firstFailed, follower.due, follower.err = j.attempts, j.firstFailed, j.due, j.err
	follower.state = rests
	heap.Push(&q.resting, follower)
	j.owners = follower.owners
}

// hold keeps an answer for its runs. If a namespace has too many, the oldest answers are dropped; their runs request them
// again.
func (q *Queue) hold(j *job) {
	t := j.tenant
	j.answer = t.answers.PushBack(j)
	t.held += j.size()
	for t.held > maxHeld && t.answers.Len() > 1 {
		oldest, ok := t.answers.Front().Value.(*job)
		if !ok {
			return
		}
		for owner := range oldest.owners {
			if r := q.runs[owner]; r != nil {
				delete(r.jobs, oldest.key)
			}
		}
		q.release(oldest)
	}
}

// release drops an answer.
func (q *Queue) release(j *job) {
	j.tenant.answers.Remove(j.answer)
	j.tenant.held -= j.size()
}

// log writes the details that are not in messages, for the administrator.
func (q *Queue) log(j *job, err error, now time.Time) {
	if j.tenant.logs.AllowN(now, 1) {
		q.options.Log.Info("image lookup failed", "namespace", j.pull.Namespace, "image", j.image, "attempt",
			j.attempts+1, "cause", image.Details(err))
	}
}
