package retention

import (
	"cmp"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/sluice-ci/sluice/api/v1beta1"
)

// Settle is how long every run stays after its end, whatever the rules say. Clients that wait for it, the PipelineRun that
// reads its results, and programs that sign or archive it need time.
const Settle = 30 * time.Second

// SendWithin is how long a run stays after its end for its CloudEvents, if a time to live or a number of runs says that it goes. A
// controller that restarts finds in the run what it has to send. The limit for bytes does not wait for events: a sink that is down must not
// fill etcd.
const SendWithin = 10 * time.Minute

// Reason is why a run goes.
type Reason string

// The reasons. A run to which several apply has the first one.
const (
	// Expired: its time to live has ended.
	Expired Reason = "ttl"
	// Beyond: enough later runs of the same Pipeline or Task have the same outcome.
	Beyond Reason = "history"
	// Bytes: the finished runs of the namespace have too many bytes, and it is the oldest.
	Bytes Reason = "bytes"
)

// Obstacle is why a run stays although a rule says that it goes.
type Obstacle string

// The obstacles.
const (
	// Kept: its annotation, or that of a run that it owns, keeps it.
	Kept Obstacle = "keep annotation"
	// Misread: an annotation of it has an invalid value.
	Misread Obstacle = "invalid annotation"
	// Unsigned: Tekton Chains has not signed it yet.
	Unsigned Obstacle = "not signed yet"
	// Busy: a run that it owns has not ended.
	Busy Obstacle = "a run that it owns is under way"
	// Sending: CloudEvents about it, or about a run that it owns, are due. It stays for at most SendWithin after its end.
	Sending Obstacle = "its CloudEvents are not sent yet"
	// Refused: an admission policy or a webhook of the cluster has refused its deletion, which is tried again later.
	Refused Obstacle = "the API server has refused its deletion"
)

// Deletion is a run that goes.
type Deletion struct {
	Run    Run
	Reason Reason
	// Bytes are those of the run and of the finished runs that it owns.
	Bytes int64
	// Unsent: CloudEvents about one of these runs are due. They are lost if the controller ends before it has sent them.
	Unsent bool
}

// Stay is a run that stays although a rule says that it goes.
type Stay struct {
	Run      Run
	Reason   Reason
	Obstacle Obstacle
}

// Decision is what goes from one namespace.
type Decision struct {
	// Delete are the runs to delete, the one that ended first is first.
	Delete []Deletion
	// Stay are the runs that an obstacle keeps, in the same order.
	Stay []Stay
	// Held are the bytes of all finished runs that are not being deleted already, and Left are those after the deletions.
	Held, Left int64
	// Next is when time alone makes the next run go; zero: never.
	Next time.Time
}

// Decide decides about the runs of one namespace. The order of runs does not matter. It takes n log n steps.
func Decide(runs []Run, rules Rules, now time.Time) Decision {
	return decide(runs, rules, now, older)
}

func decide(runs []Run, rules Rules, now time.Time, compare func(a, b *tree) int) Decision {
	p := &pass{rules: rules, now: now, reasons: map[*tree]Reason{}, trees: trees(runs)}
	slices.SortFunc(p.trees, compare)
	for _, t := range p.trees {
		p.held += t.bytes
	}
	p.expire()
	p.limitHistory()
	p.limitBytes()
	d := Decision{Held: p.held, Left: p.held, Next: p.next()}
	for _, t := range p.trees {
		switch reason, due := p.reasons[t]; {
		case !due:
		case t.obstacle(rules) != "":
			d.Stay = append(d.Stay, Stay{Run: *t.root, Reason: reason, Obstacle: t.obstacle(rules)})
		case p.settled(t):
			d.Delete = append(d.Delete, Deletion{Run: *t.root, Reason: reason, Bytes: t.bytes, Unsent: p.unsent(t)})
			d.Left -= t.bytes
		case p.unsent(t) && reason != Bytes: // for bytes it only has to settle
			d.Stay = append(d.Stay, Stay{Run: *t.root, Reason: reason, Obstacle: Sending})
		}
	}
	return d
}

// tree is a finished run that no other run owns, with the runs that it owns.
type tree struct {
	root *Run
	// bytes are those of all finished runs of the tree.
	bytes int64
	// busy, keep, invalid, awaited, unsigned and unsent are true if they are for a run of the tree. Stamped is true if each run whose
	// events are due has a stamp.
	busy, keep, invalid, awaited, unsigned, unsent, stamped bool
}

// older compares by the time of the end, and then by what makes the order the same in each pass.
func older(a, b *tree) int {
	return cmp.Or(a.root.Ended.Compare(b.root.Ended), cmp.Compare(a.root.Kind, b.root.Kind), cmp.Compare(a.root.Name, b.root.Name),
		cmp.Compare(a.root.UID, b.root.UID))
}

// trees returns the finished runs that no other run owns and that are not being deleted. A run whose owner is absent is not
// part of any tree: Kubernetes deletes it, too, or the cache does not show its owner yet. Nor is a CustomRun that no run owns: that is
// its creator's.
func trees(runs []Run) []*tree {
	places := make(map[types.UID]int, len(runs))
	for i := range runs {
		places[runs[i].UID] = i
	}
	const unknown, none = -1, -2
	roots := make([]int, len(runs))
	for i := range roots {
		roots[i] = unknown
	}
	var path []int
	rootOf := func(i int) int {
		path = path[:0]
		for roots[i] == unknown {
			path = append(path, i)
			roots[i] = none // also ends a circle of owners
			if !runs[i].Child {
				roots[i] = i
				break
			}
			owner, ok := places[runs[i].Owner]
			if !ok {
				break
			}
			i = owner
		}
		for _, j := range path {
			roots[j] = roots[i]
		}
		return roots[i]
	}
	found := make(map[int]*tree)
	for i := range runs {
		at := rootOf(i)
		if at == none || runs[at].Leaving || runs[at].Outcome == UnderWay || runs[at].Kind == v1beta1.KindCustomRun {
			continue
		}
		if found[at] == nil {
			found[at] = &tree{root: &runs[at]}
		}
		found[at].add(&runs[i])
	}
	all := make([]*tree, 0, len(found))
	for _, t := range found {
		all = append(all, t)
	}
	return all
}

func (t *tree) add(r *Run) {
	t.bytes += r.Bytes
	t.busy = t.busy || r.Outcome == UnderWay
	t.keep = t.keep || r.Keep
	t.invalid = t.invalid || r.Invalid != ""
	t.awaited = t.awaited || r.Awaited && !r.Signed
	t.unsigned = t.unsigned || !r.Signed && r.Kind != v1beta1.KindCustomRun // Chains signs no CustomRuns
	if r.Unsent {
		t.stamped = r.Stamped && (t.stamped || !t.unsent)
		t.unsent = true
	}
}

// obstacle returns what keeps the tree; empty: nothing.
func (t *tree) obstacle(rules Rules) Obstacle {
	switch {
	case t.busy:
		return Busy
	case t.keep:
		return Kept
	case t.invalid:
		return Misread
	case t.awaited, rules.AwaitSignature && t.unsigned:
		return Unsigned
	case t.root.Refused:
		return Refused
	default:
		return ""
	}
}

// pass is one decision in progress.
type pass struct {
	rules Rules
	now   time.Time
	// trees are sorted, the oldest first.
	trees []*tree
	// reasons are why trees go.
	reasons map[*tree]Reason
	held    int64
}

// unsent reports whether events about a tree are due.
func (p *pass) unsent(t *tree) bool { return p.rules.Events && t.unsent }

// sending reports whether a tree can stay for its events, as far as no limit for bytes says that it goes.
func (p *pass) sending(t *tree) bool { return p.unsent(t) && t.root.Ended.Add(SendWithin).After(p.now) }

// settles returns when enough time has passed since the end of a run. If only the mark changes when its events are sent, no change of the
// run starts another pass, so it is looked at again soon.
func (p *pass) settles(t *tree) time.Time {
	if p.unsent(t) && p.reasons[t] != Bytes {
		latest := t.root.Ended.Add(SendWithin)
		if again := p.now.Add(Settle); t.stamped && again.Before(latest) {
			return again
		}
		return latest
	}
	return t.root.Ended.Add(Settle)
}

func (p *pass) settled(t *tree) bool { return !p.settles(t).After(p.now) }

// next returns when time alone makes the next tree go; zero: never.
func (p *pass) next() time.Time {
	var next time.Time
	for _, t := range p.trees {
		ends, limited := p.endOf(t)
		if _, due := p.reasons[t]; due {
			ends, limited = t.root.Ended, !p.settled(t)
		}
		if !limited || t.obstacle(p.rules) != "" {
			continue
		}
		if settles := p.settles(t); settles.After(ends) {
			ends = settles
		}
		if next.IsZero() || ends.Before(next) {
			next = ends
		}
	}
	return next
}

// endOf returns when the time to live of a tree ends; limited is false if it does not.
func (p *pass) endOf(t *tree) (ends time.Time, limited bool) {
	ttl, limited := p.rules.TTL[t.root.Outcome]
	if own := t.root.TTL; own != nil {
		ttl, limited = *own, *own >= 0
	}
	return t.root.Ended.Add(ttl), limited
}

// expire finds the runs whose time to live has ended.
func (p *pass) expire() {
	for _, t := range p.trees {
		if ends, limited := p.endOf(t); limited && !ends.After(p.now) {
			p.reasons[t] = Expired
		}
	}
}

// limitHistory finds the runs that come after the latest ones of their Pipeline or Task and outcome.
func (p *pass) limitHistory() {
	type group struct {
		kind, source string
		outcome      Outcome
	}
	counts := map[group]int{}
	for _, t := range slices.Backward(p.trees) {
		limit, limited := p.rules.History[t.root.Outcome]
		if _, goes := p.reasons[t]; goes && t.obstacle(p.rules) == "" || !limited {
			continue // it needs no place, or there is no limit
		}
		g := group{t.root.Kind, t.root.Source, t.root.Outcome}
		if counts[g]++; counts[g] > limit {
			if _, known := p.reasons[t]; !known {
				p.reasons[t] = Beyond
			}
		}
	}
}

// limitBytes finds the runs that must go so that the others have room: first those that another rule has selected and that stay only for
// their events, because a sink that is down must not fill etcd, and must not cost other runs their place. Then the oldest of all others.
// What goes for another reason, or will when it has settled, takes no room.
func (p *pass) limitBytes() {
	if p.rules.Bytes <= 0 {
		return
	}
	left := p.held
	var sending, others []*tree
	for _, t := range p.trees {
		_, selected := p.reasons[t]
		switch {
		case !selected:
			others = append(others, t)
		case t.obstacle(p.rules) != "": // it stays, whatever the reason
		case p.sending(t):
			sending = append(sending, t)
		default:
			left -= t.bytes
		}
	}
	for _, t := range append(sending, others...) {
		if left <= p.rules.Bytes {
			return
		}
		if t.bytes == 0 {
			continue
		}
		p.reasons[t] = Bytes
		if t.obstacle(p.rules) == "" {
			left -= t.bytes
		}
	}
}
