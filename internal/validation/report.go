package validation

import (
	"context"
	"fmt"
	"hash/maphash"
	"iter"
	"maps"
	"reflect"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/variables"
)

// Bounds of what is reported about one object, whatever its size: an object of 1.5 MB has room for 100,000 mistakes, and
// each of them can quote a megabyte.
const (
	// MaxErrors is how many errors a report lists.
	MaxErrors = 50
	// maxShown is how much of a wrong value a message repeats, in bytes.
	maxShown = 128
	// maxField and maxDetail bound the parts of every error, in bytes. They are above what a rule writes about an object
	// with names of usual lengths.
	maxField  = 512
	maxDetail = 4096
)

// Report collects the errors and the warnings of one object. It is full after MaxErrors errors; it is stopped when it is full or when its
// context is done. Loops over parts of the object end when it is stopped, so that work on an object that is refused anyway
// ends early. A Report is for one object and one goroutine.
type Report struct {
	ctx   context.Context //nolint:containedctx // A Report lives as long as the call that makes it.
	errs  field.ErrorList
	more  bool
	known *KnownErrors
	// warnings are bounded by MaxWarnings; moreWarnings counts those above it.
	warnings     []Warning
	moreWarnings int
	// keep receives the errors instead of errs, without a bound in number.
	keep *KnownErrors
	// template is true for an object that may never run as it is: a Task, a Pipeline, and a PipelineRun, whose tasks can be
	// skipped. AddAtRun then warns.
	template bool
	// starting is true for a pipeline that is about to start. Then a param that a task does not get is an error.
	starting bool
	// cel counts the bytes of the expressions in CEL.
	cel int
	// keys are the keys of the objects that were asked for a missing one, by the addresses of their maps.
	keys map[uintptr]*list
	// steps counts the iterations of all loops, as the measure of the work.
	steps int
}

// KnownErrors is a set of errors: those that an object had before a change. Of each only a hash is kept.
type KnownErrors struct {
	seed   maphash.Seed
	hashes map[uint64]struct{}
}

// NewReport returns an empty Report. Errors of known, which may be nil, are left out of it and do not fill it.
func NewReport(ctx context.Context, known *KnownErrors) *Report {
	return &Report{ctx: ctx, known: known}
}

// Known returns all errors that a check reports. The number of errors does not bound its work; ctx does.
func Known(ctx context.Context, check func(r *Report)) *KnownErrors {
	k := &KnownErrors{seed: maphash.MakeSeed(), hashes: map[uint64]struct{}{}}
	check(&Report{ctx: ctx, keep: k})
	return k
}

func (k *KnownErrors) hash(err *field.Error) uint64 { return maphash.String(k.seed, err.Error()) }

func (k *KnownErrors) has(err *field.Error) bool {
	if k == nil {
		return false
	}
	_, ok := k.hashes[k.hash(err)]
	return ok
}

// Errors returns the errors of a check that has no deadline.
func Errors(check func(r *Report)) field.ErrorList {
	r := NewReport(context.Background(), nil)
	check(r)
	return r.Errors()
}

// Add adds errors, each with its texts shortened to the bounds of a report.
func (r *Report) Add(errs ...*field.Error) {
	for _, err := range errs {
		if r.more {
			return
		}
		shorten(err)
		switch {
		case r.keep != nil:
			r.keep.hashes[r.keep.hash(err)] = struct{}{}
		case r.known.has(err):
		case len(r.errs) == MaxErrors:
			r.more = true
		default:
			r.errs = append(r.errs, err)
		}
	}
}

// Errors returns what was added: at most MaxErrors errors, and behind them one that says that there are more. After the
// context is done they are incomplete, and none does not mean that the object is valid.
func (r *Report) Errors() field.ErrorList {
	if !r.more {
		return r.errs
	}
	return append(r.errs[:MaxErrors:MaxErrors], &field.Error{
		Type: field.ErrorTypeForbidden, Field: "spec",
		Detail: fmt.Sprintf("there are more errors: the check stopped after %d of them; correct these and try again", MaxErrors),
	})
}

// stopped reports whether no further work makes sense.
func (r *Report) stopped() bool {
	r.steps++
	return r.more || r.ctx.Err() != nil
}

// keysOf returns the keys of an object for messages. It lists those of a map once: thousands of references to one object can have
// keys that are missing.
func (r *Report) keysOf(properties map[string]v1.PropertySpec) *list {
	at := reflect.ValueOf(properties).Pointer()
	if known, ok := r.keys[at]; ok {
		return known
	}
	r.steps += len(properties)
	listed := listOf(maps.Keys(properties))
	if r.keys == nil {
		r.keys = map[uintptr]*list{}
	}
	r.keys[at] = &listed
	return &listed
}

// Steps returns how many iterations its loops have had: the work that does not show in memory.
func (r *Report) Steps() int { return r.steps }

// each yields the indices below n until the report is stopped.
func (r *Report) each(n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := range n {
			if r.stopped() || !yield(i) {
				return
			}
		}
	}
}

// references yields the references of a text until the report is stopped.
func (r *Report) references(text string) iter.Seq[variables.Reference] {
	return func(yield func(variables.Reference) bool) {
		if r.stopped() {
			return
		}
		for reference := range variables.References(text) {
			if r.stopped() || !yield(reference) {
				return
			}
		}
	}
}

// shorten keeps every text of an error within its bound. The rules quote values with shown; this holds for all of them.
func shorten(err *field.Error) {
	err.Field = clipped(err.Field, maxField)
	err.Detail = clipped(err.Detail, maxDetail)
	switch value := err.BadValue.(type) {
	case nil:
	case string:
		err.BadValue = clipped(value, maxDetail)
	default:
		if v := reflect.ValueOf(value); v.Kind() == reflect.String {
			err.BadValue = clipped(v.String(), maxDetail)
		}
	}
}

// shown shortens a value for a message.
func shown(s string) string { return clipped(s, maxShown) }

// clipped returns a text that is longer than limit, in bytes, as its beginning and its length.
func clipped(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	cut := limit
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return fmt.Sprintf("%s… (%d bytes)", s[:cut], len(s))
}
