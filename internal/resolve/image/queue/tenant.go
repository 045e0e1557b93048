package queue

import (
	"container/list"
	"slices"
	"time"

	"golang.org/x/time/rate"
)

const (
	// maxHeld is the maximum bytes of the answers of one namespace. One pod cannot have more than 1.5 MiB of them.
	maxHeld = 4 << 20
	// sweepFrom is the number of namespaces from which idle ones are removed.
	sweepFrom = 1024
	// logPause is the minimum time between two logged failures of one namespace.
	logPause = 10 * time.Second
)

// tenant is a namespace with its budgets.
type tenant struct {
	namespace string
	lanes     map[string]*lane
	// ring has the lanes with ready jobs, in the order of their turns.
	ring    []*lane
	running int
	// waiting counts jobs without an answer that are not in progress.
	waiting int
	// answers are in the order of their arrival, each a *job; held is their bytes.
	answers *list.List
	held    int
	starts  *rate.Limiter
	logs    *rate.Limiter
}

// lane is the jobs of one namespace for one registry.
type lane struct {
	host    string
	ready   []*job
	running int
}

func (q *Queue) tenantOf(namespace string) *tenant {
	t, ok := q.tenants[namespace]
	if !ok {
		q.sweep(time.Now())
		t = &tenant{
			namespace: namespace, lanes: map[string]*lane{}, answers: list.New(),
			starts: rate.NewLimiter(rate.Limit(q.options.Rate), q.options.Burst),
			logs:   rate.NewLimiter(rate.Every(logPause), 1),
		}
		q.tenants[namespace] = t
	}
	return t
}

// sweep removes namespaces without jobs whose budget has recovered.
func (q *Queue) sweep(now time.Time) {
	if len(q.tenants) < q.sweepAt {
		return
	}
	for namespace, t := range q.tenants {
		if t.running+t.waiting+t.answers.Len() == 0 && t.starts.TokensAt(now) >= float64(q.options.Burst) {
			delete(q.tenants, namespace)
		}
	}
	q.sweepAt = max(sweepFrom, 2*len(q.tenants))
}

// admits reports whether a namespace may have another waiting job.
func (q *Queue) admits(namespace string) bool {
	t := q.tenantOf(namespace)
	return t.waiting < q.options.MaxWaiting && (q.waiting < q.options.MaxWaitingInAll || t.waiting < q.options.Assured)
}

func (t *tenant) lane(host string) *lane {
	l, ok := t.lanes[host]
	if !ok {
		l = &lane{host: host}
		t.lanes[host] = l
	}
	return l
}

// push adds a job at the end of its lane.
func (t *tenant) push(j *job) {
	l := t.lane(j.host)
	if l.ready = append(l.ready, j); len(l.ready) == 1 {
		t.ring = append(t.ring, l)
	}
}

// pull removes a job from its lane.
func (t *tenant) pull(j *job) {
	l := t.lane(j.host)
	l.ready = slices.DeleteFunc(l.ready, func(other *job) bool { return other == j })
	if len(l.ready) == 0 {
		t.ring = slices.DeleteFunc(t.ring, func(other *lane) bool { return other == l })
	}
	t.tidy(l)
}

// tidy removes a lane without jobs, because users choose the names of hosts.
func (t *tenant) tidy(l *lane) {
	if len(l.ready) == 0 && l.running == 0 {
		delete(t.lanes, l.host)
	}
}

// next returns the job whose turn it is, or nil if the namespace may not start one.
func (t *tenant) next(o Options, now time.Time) *job {
	if t.running >= o.PerNamespace || t.starts.TokensAt(now) < 1 {
		return nil
	}
	for i, l := range t.ring {
		if l.running >= o.PerHost {
			continue
		}
		j := l.ready[0]
		l.ready = l.ready[1:]
		t.ring = slices.Delete(t.ring, i, i+1)
		if len(l.ready) > 0 {
			t.ring = append(t.ring, l)
		}
		t.starts.AllowN(now, 1)
		l.running++
		t.running++
		return j
	}
	return nil
}

// startsAt returns when the rate lets a namespace start a job that nothing else delays, or the zero time.
func (t *tenant) startsAt(o Options, now time.Time) time.Time {
	if tokens := t.starts.TokensAt(now); t.running < o.PerNamespace && tokens < 1 {
		return now.Add(time.Duration((1-tokens)/o.Rate*float64(time.Second)) + time.Millisecond)
	}
	return time.Time{}
}

// ended releases what a job in progress has occupied.
func (t *tenant) ended(j *job) {
	l := t.lane(j.host)
	l.running--
	t.running--
	t.tidy(l)
}
