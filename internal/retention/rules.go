package retention

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"
)

// Unlimited is the value of a limit that limits nothing, such as one that a namespace sets to undo that of the cluster.
const Unlimited = -1

// Policy are the rules as a user writes them. A nil field is not set. The names are those of Tekton's pruner where it has the
// same rule.
type Policy struct {
	// TTLSecondsAfterFinished is the time to live of a finished run, in seconds; -1: it has no end. The next two fields
	// override it for one outcome.
	TTLSecondsAfterFinished           *int64 `json:"ttlSecondsAfterFinished,omitempty"`
	SuccessfulTTLSecondsAfterFinished *int64 `json:"successfulTTLSecondsAfterFinished,omitempty"`
	FailedTTLSecondsAfterFinished     *int64 `json:"failedTTLSecondsAfterFinished,omitempty"`
	// HistoryLimit is how many of the latest runs of one Pipeline or Task to keep, for each outcome; -1: all. The next two
	// fields override it for one outcome.
	HistoryLimit           *int64 `json:"historyLimit,omitempty"`
	SuccessfulHistoryLimit *int64 `json:"successfulHistoryLimit,omitempty"`
	FailedHistoryLimit     *int64 `json:"failedHistoryLimit,omitempty"`
	// StoredBytesLimit is the maximum number of bytes in etcd of all finished runs of a namespace together; 0: no maximum.
	StoredBytesLimit *resource.Quantity `json:"storedBytesLimit,omitempty"`
	// AwaitSignature keeps each run until Tekton Chains has signed it.
	AwaitSignature *bool `json:"awaitSignature,omitempty"`
}

// Settings are the rules of a cluster.
type Settings struct {
	Policy `json:",inline"`

	// Namespaces override the rules, field by field, in the namespaces with these names.
	Namespaces map[string]Policy `json:"namespaces,omitempty"`
}

// Rules are the rules of one namespace.
type Rules struct {
	// TTL is the time to live of a run, by its outcome. An outcome that is absent has none.
	TTL map[Outcome]time.Duration
	// History is how many of the latest runs of one Pipeline or Task are kept, by their outcome. An outcome that is absent has
	// no limit.
	History map[Outcome]int
	// Bytes is the maximum number of bytes of all finished runs; 0: none.
	Bytes int64
	// AwaitSignature: only a run that Chains has signed goes.
	AwaitSignature bool
	// Events: CloudEvents are sent, so that a run stays for those that are due. For does not set it.
	Events bool
}

// Validate returns an error that names the first invalid field. The order of namespaces is that of their names.
func (s *Settings) Validate() error {
	if err := s.validate(); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(s.Namespaces)) {
		if problems := validation.IsDNS1123Label(name); len(problems) > 0 {
			return fmt.Errorf("namespaces: %q is not the name of a namespace: %s", name, problems[0])
		}
		policy := s.Namespaces[name]
		if err := policy.validate(); err != nil {
			return fmt.Errorf("namespaces: %s: %w", name, err)
		}
	}
	return nil
}

func (p *Policy) validate() error {
	const most = 1_000_000
	for _, field := range []struct {
		name  string
		value *int64
		most  int64
	}{
		{"ttlSecondsAfterFinished", p.TTLSecondsAfterFinished, maxSeconds},
		{"successfulTTLSecondsAfterFinished", p.SuccessfulTTLSecondsAfterFinished, maxSeconds},
		{"failedTTLSecondsAfterFinished", p.FailedTTLSecondsAfterFinished, maxSeconds},
		{"historyLimit", p.HistoryLimit, most},
		{"successfulHistoryLimit", p.SuccessfulHistoryLimit, most},
		{"failedHistoryLimit", p.FailedHistoryLimit, most},
	} {
		if v := field.value; v != nil && (*v < Unlimited || *v > field.most) {
			return fmt.Errorf("%s: %d is not from 0 to %d, or -1 for no limit", field.name, *v, field.most)
		}
	}
	switch q := p.StoredBytesLimit; {
	case q == nil:
		return nil
	case q.Sign() < 0 || q.CmpInt64(1<<50) > 0:
		return fmt.Errorf("storedBytesLimit: %s is not from 0 (no limit) to 1Pi", q)
	case q.CmpInt64(q.Value()) != 0: // 500m, meant as 500M, would delete every run
		return fmt.Errorf("storedBytesLimit: %s is not a whole number of bytes: m is a thousandth, M and Mi are millions", q)
	}
	return nil
}

// For returns the rules of a namespace. What the namespace sets for one outcome or for both overrides what the cluster sets.
func (s *Settings) For(namespace string) Rules {
	own := s.Namespaces[namespace]
	r := Rules{TTL: map[Outcome]time.Duration{}, History: map[Outcome]int{}}
	for _, outcome := range []Outcome{Successful, Failed} {
		if seconds := first(own.ttl(outcome), s.ttl(outcome)); seconds >= 0 {
			r.TTL[outcome] = time.Duration(seconds) * time.Second
		}
		if limit := first(own.history(outcome), s.history(outcome)); limit >= 0 {
			r.History[outcome] = int(limit)
		}
	}
	for _, p := range []*Policy{&s.Policy, &own} { // the last one wins
		if p.StoredBytesLimit != nil {
			r.Bytes = p.StoredBytesLimit.Value()
		}
		if p.AwaitSignature != nil {
			r.AwaitSignature = *p.AwaitSignature
		}
	}
	return r
}

func (p *Policy) ttl(o Outcome) *int64 {
	if o == Successful && p.SuccessfulTTLSecondsAfterFinished != nil {
		return p.SuccessfulTTLSecondsAfterFinished
	}
	if o == Failed && p.FailedTTLSecondsAfterFinished != nil {
		return p.FailedTTLSecondsAfterFinished
	}
	return p.TTLSecondsAfterFinished
}

func (p *Policy) history(o Outcome) *int64 {
	if o == Successful && p.SuccessfulHistoryLimit != nil {
		return p.SuccessfulHistoryLimit
	}
	if o == Failed && p.FailedHistoryLimit != nil {
		return p.FailedHistoryLimit
	}
	return p.HistoryLimit
}

// first returns the first value that is set, else Unlimited.
func first(values ...*int64) int64 {
	for _, v := range values {
		if v != nil {
			return *v
		}
	}
	return Unlimited
}
