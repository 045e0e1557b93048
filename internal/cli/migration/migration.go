// Package migration rewrites stored objects in the version in which their kind is stored now, and removes the other versions from the
// list of those that may be stored.
package migration

import (
	"context"
	"errors"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
)

// Definition has what a migration reads of a CustomResourceDefinition.
type Definition struct {
	// Name of the CRD, such as tasks.tekton.dev.
	Name string
	// Group and Kind of its objects.
	Group, Kind string
	// Storage is the version in which objects are stored when they are written.
	Storage string
	// Stored are the versions in which objects may be stored.
	Stored []string
	// Generation of the CRD.
	Generation int64
}

// current reports whether all objects are stored in the current version.
func (d Definition) current() bool { return slices.Equal(d.Stored, []string{d.Storage}) }

// Definitions reads and changes CRDs.
type Definitions interface {
	// Read returns a CRD.
	Read(ctx context.Context, name string) (Definition, error)
	// Clean makes the storage version the only stored one. It fails, and changes nothing, if the CRD is not as it was read.
	Clean(ctx context.Context, d Definition) error
}

// Page is a part of the list of the objects of a kind.
type Page struct {
	Names []types.NamespacedName
	// Next is the token of the next page; empty at the end.
	Next string
}

// Objects lists and rewrites objects.
type Objects interface {
	// Page returns the page of a token, the first one for an empty token.
	Page(ctx context.Context, d Definition, token string) (Page, error)
	// Rewrite makes the API server write an object as it is, in the storage version. It changes nothing if that was done before.
	Rewrite(ctx context.Context, d Definition, name types.NamespacedName) error
}

// Limiter limits the load: Wait returns when the next object may be rewritten.
type Limiter interface {
	Wait(ctx context.Context) error
}

// Failure is an object that could not be rewritten.
type Failure struct {
	Object string `json:"object"`
	Cause  string `json:"cause"`
}

// Outcome is what was done for one CRD.
type Outcome struct {
	CRD string `json:"crd"`
	// Absent: the cluster does not have the CRD.
	Absent bool `json:"absent,omitempty"`
	// Storage is the version in which objects are stored now.
	Storage string `json:"storage,omitempty"`
	// Before and After are the versions in which objects may be stored.
	Before []string `json:"before,omitempty"`
	After  []string `json:"after,omitempty"`
	// Rewritten counts the objects that are stored in the version Storage now; in a dry run, those that could be.
	Rewritten int `json:"rewritten"`
	// Failed counts the others, and Failures are the first ones.
	Failed   int       `json:"failed"`
	Failures []Failure `json:"failures,omitempty"`
}

const (
	// shownFailures is the maximum number of objects that an outcome names.
	shownFailures = 20
	// maxInARow is how many objects may fail one after another. More have one cause, such as a webhook that is away.
	maxInARow = 5
	// maxRestarts is how often a list may expire.
	maxRestarts = 10
)

// errInARow is the error for objects that fail for one cause.
var errInARow = fmt.Errorf("%d objects in a row could not be rewritten", maxInARow+1)

// Migration rewrites the objects of CRDs. It can be interrupted at any point and run again: rewriting an object twice has no effect,
// and the versions of a CRD are cleaned only after each of its objects was rewritten in the same run.
type Migration struct {
	Definitions Definitions
	Objects     Objects
	Limiter     Limiter
	// Backoff is the time between the attempts of one request.
	Backoff wait.Backoff
	// DryRun: nothing is changed. Objects must be such that Rewrite changes nothing.
	DryRun bool
	// Progress is called after each page with what was done so far.
	Progress func(Outcome)
}

// Run migrates the objects of one CRD. The outcome is also valid if there is an error.
func (m *Migration) Run(ctx context.Context, name string) (Outcome, error) {
	done := Outcome{CRD: name}
	var d Definition
	err := m.try(ctx, func() (err error) {
		d, err = m.Definitions.Read(ctx, name)
		return err
	})
	if apierrors.IsNotFound(err) {
		done.Absent = true
		return done, nil
	}
	if err != nil {
		return done, fmt.Errorf("cannot read CRD %q: %w", name, err)
	}
	done.Storage, done.Before, done.After = d.Storage, d.Stored, d.Stored
	if d.current() {
		return done, nil
	}
	if err := m.rewriteAll(ctx, d, &done); err != nil {
		return done, err
	}
	if m.DryRun || done.Failed > 0 {
		return done, nil
	}
	return done, m.clean(ctx, d, &done)
}

// clean cleans the versions of a CRD. After an attempt without an answer the CRD can be clean already.
func (m *Migration) clean(ctx context.Context, d Definition, done *Outcome) error {
	err := m.try(ctx, func() error {
		failed := m.Definitions.Clean(ctx, d)
		if failed == nil {
			return nil
		}
		if now, err := m.Definitions.Read(ctx, d.Name); err == nil && now.Generation == d.Generation && now.current() {
			return nil
		}
		return failed
	})
	if err != nil {
		return fmt.Errorf("cannot clean the stored versions of CRD %q: %w; run the migration again", d.Name, err)
	}
	done.After = []string{d.Storage}
	return nil
}

// rewriteAll rewrites the objects page by page. A list that expires begins again: an object that was rewritten costs little.
func (m *Migration) rewriteAll(ctx context.Context, d Definition, done *Outcome) error {
	token := ""
	for restarts := 0; ; {
		var page Page
		err := m.try(ctx, func() (err error) {
			page, err = m.Objects.Page(ctx, d, token)
			return err
		})
		if apierrors.IsResourceExpired(err) && restarts < maxRestarts {
			restarts++
			token, done.Rewritten, done.Failed, done.Failures = "", 0, 0, nil
			continue
		}
		if err != nil {
			return fmt.Errorf("cannot list the objects of CRD %q: %w", d.Name, err)
		}
		if err := m.rewritePage(ctx, d, page, done); err != nil {
			return err
		}
		if m.Progress != nil {
			m.Progress(*done)
		}
		if token = page.Next; token == "" {
			return nil
		}
	}
}

func (m *Migration) rewritePage(ctx context.Context, d Definition, page Page, done *Outcome) error {
	row := 0
	for _, name := range page.Names {
		if err := m.Limiter.Wait(ctx); err != nil {
			return fmt.Errorf("cannot rewrite the objects of CRD %q: %w", d.Name, err)
		}
		err := m.try(ctx, func() error { return m.Objects.Rewrite(ctx, d, name) })
		switch {
		case err == nil:
			row = 0
			done.Rewritten++
			continue
		case apierrors.IsNotFound(err): // it was deleted since it was listed
			continue
		case ctx.Err() != nil:
			return fmt.Errorf("cannot rewrite the objects of CRD %q: %w", d.Name, ctx.Err())
		}
		row++
		done.Failed++
		if len(done.Failures) < shownFailures {
			done.Failures = append(done.Failures, Failure{Object: name.String(), Cause: err.Error()})
		}
		if row > maxInARow {
			return fmt.Errorf("cannot rewrite the objects of CRD %q: %w; the last one was %q: %w", d.Name, errInARow, name.String(), err)
		}
	}
	return nil
}

// try repeats a request as long as it fails for a reason that passes.
func (m *Migration) try(ctx context.Context, request func() error) error {
	var last error
	err := wait.ExponentialBackoffWithContext(ctx, m.Backoff, func(context.Context) (bool, error) {
		last = request()
		if passes(last) {
			return false, nil
		}
		return true, last
	})
	if wait.Interrupted(err) && last != nil {
		return last
	}
	return err
}

// passes reports whether the same request can succeed later: the API server, or the webhook that converts, is away or busy, or another
// client has changed the object at the same time.
func passes(err error) bool {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	if _, answered := errors.AsType[*apierrors.StatusError](err); !answered {
		return true
	}
	return apierrors.IsConflict(err) || apierrors.IsServerTimeout(err) || apierrors.IsTimeout(err) || apierrors.IsTooManyRequests(err) ||
		apierrors.IsInternalError(err) || apierrors.IsServiceUnavailable(err)
}
