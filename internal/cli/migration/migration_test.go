package migration

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/sluice-ci/sluice/internal/convert"
)

// store is an API server with tasks. Each request is a step, after which the caller can be killed.
type store struct {
	definition Definition
	names      []types.NamespacedName
	objects    map[types.NamespacedName]string
	writes     int
	steps      int
	// before is called before a step, and its error is the answer. after is called after what the step has changed.
	before func(step string) error
	after  func()
}

func (s *store) step(name string, change func()) error {
	s.steps++
	if s.before != nil {
		if err := s.before(name); err != nil {
			return err
		}
	}
	change()
	if s.after != nil {
		s.after()
	}
	return nil
}

func (s *store) Read(ctx context.Context, _ string) (d Definition, err error) {
	err = s.step("read", func() { d = s.definition })
	return d, errors.Join(err, ctx.Err())
}

func (s *store) Clean(ctx context.Context, d Definition) error {
	err := s.step("clean", func() {
		if s.definition.Generation == d.Generation && slices.Equal(s.definition.Stored, d.Stored) {
			s.definition.Stored = []string{d.Storage}
		}
	})
	return errors.Join(err, ctx.Err())
}

func (s *store) Page(ctx context.Context, _ Definition, token string) (page Page, err error) {
	err = s.step("page "+token, func() {
		from := 0
		if token != "" {
			_, _ = fmt.Sscan(token, &from)
		}
		to := min(from+PageSize, len(s.names))
		page.Names = s.names[from:to]
		if to < len(s.names) {
			page.Next = fmt.Sprint(to)
		}
	})
	return page, errors.Join(err, ctx.Err())
}

func (s *store) Rewrite(ctx context.Context, d Definition, name types.NamespacedName) error {
	var failed error
	err := s.step("rewrite "+name.String(), func() {
		converted, err := convert.Object([]byte(s.objects[name]), "tekton.dev/"+d.Storage)
		if failed = err; err == nil && s.objects[name] != string(converted) {
			s.objects[name] = string(converted)
			s.writes++
		}
	})
	return errors.Join(err, failed, ctx.Err())
}

func (s *store) Wait(ctx context.Context) error { return ctx.Err() }

// stored returns a store with tasks of v1beta1.
func stored(count int) *store {
	s := &store{
		definition: Definition{
			Name: "tasks.tekton.dev", Group: "tekton.dev", Kind: "Task", Storage: "v1", Stored: []string{"v1beta1", "v1"}, Generation: 3,
		},
		objects: map[types.NamespacedName]string{},
	}
	for i := range count {
		name := types.NamespacedName{Namespace: fmt.Sprintf("n%d", i%7), Name: fmt.Sprintf("t%d", i)}
		s.names = append(s.names, name)
		s.objects[name] = fmt.Sprintf(`{"apiVersion":"tekton.dev/v1beta1","kind":"Task","metadata":{"name":"%s"},`+
			`"spec":{"steps":[{"name":"%d","resources":{},"tty":true}]}}`, name.Name, i)
	}
	return s
}

func (s *store) migration() *Migration {
	return &Migration{Definitions: s, Objects: s, Limiter: s, Backoff: wait.Backoff{Steps: 3}}
}

// wantMigrated reports what is not as if one migration had run to its end.
func (s *store) wantMigrated(t *testing.T, before map[types.NamespacedName]string) {
	t.Helper()
	if !slices.Equal(s.definition.Stored, []string{"v1"}) {
		t.Errorf("want the stored versions [v1], got %v", s.definition.Stored)
	}
	if len(s.objects) != len(before) {
		t.Fatalf("want %d objects, got %d", len(before), len(s.objects))
	}
	for name, was := range before {
		if !strings.Contains(s.objects[name], `"apiVersion":"tekton.dev/v1"`) {
			t.Fatalf("%s is stored as %s", name, s.objects[name])
		}
		back, err := convert.Object([]byte(s.objects[name]), convert.V1beta1)
		if diff := cmp.Diff(was, string(back)); err != nil || diff != "" {
			t.Fatalf("%s: %v: -want +got\n%s", name, err, diff)
		}
	}
}

func copied(objects map[types.NamespacedName]string) map[types.NamespacedName]string {
	return maps.Clone(objects)
}

// TestKilledMigrations kills a migration of 2,000 objects 20 times, at different steps, before and after what the step changes. The
// next one completes it, and no object is written twice.
func TestKilledMigrations(t *testing.T) {
	s := stored(2000)
	before := copied(s.objects)
	for kill := range 20 {
		ctx, end := context.WithCancel(t.Context())
		at := s.steps + 1 + kill*103
		killed := func() {
			if s.steps >= at {
				end()
			}
		}
		s.before, s.after = nil, killed
		if kill%2 == 0 { // nothing was changed by the last step
			s.after = nil
			s.before = func(string) error {
				killed()
				return ctx.Err()
			}
		}
		_, err := s.migration().Run(ctx, "tasks.tekton.dev")
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("kill %d: want the migration interrupted, got %v", kill, err)
		}
		if slices.Equal(s.definition.Stored, []string{"v1"}) {
			t.Fatalf("kill %d: the versions were cleaned before all objects were rewritten", kill)
		}
	}
	s.before, s.after = nil, nil
	done, err := s.migration().Run(t.Context(), "tasks.tekton.dev")
	if err != nil || done.Rewritten != 2000 || done.Failed != 0 {
		t.Errorf("want 2000 objects rewritten, got %+v, %v", done, err)
	}
	s.wantMigrated(t, before)
	if s.writes != 2000 {
		t.Errorf("want each object written once, got %d writes", s.writes)
	}
}

// TestKilledAfterEachStep: whatever step is the last one, the next migration completes the work.
func TestKilledAfterEachStep(t *testing.T) {
	whole := stored(3)
	if _, err := whole.migration().Run(t.Context(), "tasks.tekton.dev"); err != nil {
		t.Fatal(err)
	}
	for last := 1; last <= whole.steps; last++ {
		s := stored(3)
		before := copied(s.objects)
		ctx, end := context.WithCancel(t.Context())
		s.after = func() {
			if s.steps == last {
				end()
			}
		}
		if _, err := s.migration().Run(ctx, "tasks.tekton.dev"); !errors.Is(err, context.Canceled) {
			t.Fatalf("step %d: want the migration interrupted, got %v", last, err)
		}
		s.after = nil
		if _, err := s.migration().Run(t.Context(), "tasks.tekton.dev"); err != nil {
			t.Fatalf("after step %d: %v", last, err)
		}
		s.wantMigrated(t, before)
	}
}

// TestAnswers: a reason that passes is waited for, and another one is an object that failed, which keeps the versions of the CRD.
func TestAnswers(t *testing.T) {
	tasks := schema.GroupResource{Group: "tekton.dev", Resource: "tasks"}
	kind := schema.GroupKind{Group: "tekton.dev", Kind: "Task"}
	const second = "rewrite n1/t1"
	cases := map[string]struct {
		reason  string
		step    string
		answer  error
		times   int
		message string
		failed  int
		after   []string
	}{
		"Webhook": {
			reason: "a webhook that converts was restarted",
			step:   second,
			answer: apierrors.NewInternalError(errors.New("conversion webhook failed")),
			times:  2,
			after:  []string{"v1"},
		},
		"NoAnswer": {
			reason: "the API server was restarted",
			step:   "page ",
			answer: errors.New("connection refused"),
			times:  2,
			after:  []string{"v1"},
		},
		"Conflict": {
			reason: "another client writes the object at the same time",
			step:   second,
			answer: apierrors.NewConflict(tasks, "t1", errors.New("changed")),
			times:  2,
			after:  []string{"v1"},
		},
		"Expired": {
			reason: "a list that takes too long begins again",
			step:   "page 100",
			answer: apierrors.NewResourceExpired("the token has expired"),
			times:  2,
			after:  []string{"v1"},
		},
		"Deleted": {
			reason: "an object that was deleted needs nothing",
			step:   second,
			answer: apierrors.NewNotFound(tasks, "t1"),
			times:  1,
			after:  []string{"v1"},
		},
		"Invalid": {
			reason: "an object that the API server refuses stays, and so do the versions",
			step:   second,
			answer: apierrors.NewInvalid(kind, "t1", nil),
			times:  100,
			failed: 1,
			after:  []string{"v1beta1", "v1"},
		},
		"Away": {
			reason:  "a webhook that stays away fails for all objects: the migration ends",
			step:    "rewrite",
			answer:  apierrors.NewInternalError(errors.New("conversion webhook failed")),
			times:   1000,
			message: "6 objects in a row could not be rewritten",
			failed:  6,
			after:   []string{"v1beta1", "v1"},
		},
		"ListRefused": {
			reason:  "a user without rights gets the reason",
			step:    "page",
			answer:  apierrors.NewForbidden(tasks, "", errors.New("no right")),
			times:   1,
			message: `cannot list the objects of CRD "tasks.tekton.dev"`,
			after:   []string{"v1beta1", "v1"},
		},
		"Changed": {
			reason:  "a CRD that has changed meanwhile is not cleaned",
			step:    "clean",
			answer:  apierrors.NewInvalid(kind, "tasks.tekton.dev", nil),
			times:   1,
			message: "run the migration again",
			after:   []string{"v1beta1", "v1"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s := stored(250)
			left := tc.times
			s.before = func(step string) error {
				if step == tc.step || strings.HasPrefix(step, tc.step+" ") {
					if left--; left >= 0 {
						return tc.answer
					}
				}
				return nil
			}
			done, err := s.migration().Run(t.Context(), "tasks.tekton.dev")
			if tc.message == "" && err != nil || tc.message != "" && (err == nil || !strings.Contains(err.Error(), tc.message)) {
				t.Errorf("%s: want %q, got %v", tc.reason, tc.message, err)
			}
			if done.Failed != tc.failed || len(done.Failures) != tc.failed {
				t.Errorf("%s: want %d failures, got %+v", tc.reason, tc.failed, done)
			}
			if !slices.Equal(s.definition.Stored, tc.after) || !slices.Equal(done.After, tc.after) {
				t.Errorf("%s: want the versions %v, got %v and %v", tc.reason, tc.after, s.definition.Stored, done.After)
			}
		})
	}
}

// TestAnswerLost: the answer to the last request can be lost after the versions were cleaned.
func TestAnswerLost(t *testing.T) {
	s := stored(1)
	lost := &losing{store: s}
	m := s.migration()
	m.Definitions = lost
	done, err := m.Run(t.Context(), "tasks.tekton.dev")
	if err != nil || !slices.Equal(done.After, []string{"v1"}) || lost.lost != 1 {
		t.Errorf("want the migration complete after a lost answer, got %+v, %v", done, err)
	}
}

// losing loses the answer to the first request that cleans.
type losing struct {
	*store

	lost int
}

func (l *losing) Clean(ctx context.Context, d Definition) error {
	err := l.store.Clean(ctx, d)
	if l.lost == 0 {
		l.lost++
		return errors.New("connection reset")
	}
	return err
}

// TestNothingToDo: a CRD that is clean, or that the cluster does not have, costs one request.
func TestNothingToDo(t *testing.T) {
	s := stored(10)
	s.definition.Stored = []string{"v1"}
	if done, err := s.migration().Run(t.Context(), "tasks.tekton.dev"); err != nil || s.steps != 1 || done.Absent {
		t.Errorf("want one request, got %d, %+v, %v", s.steps, done, err)
	}
	s = stored(10)
	s.before = func(string) error {
		return apierrors.NewNotFound(schema.GroupResource{Resource: "customresourcedefinitions"}, "tasks.tekton.dev")
	}
	if done, err := s.migration().Run(t.Context(), "tasks.tekton.dev"); err != nil || s.steps != 1 || !done.Absent {
		t.Errorf("want one request, got %d, %+v, %v", s.steps, done, err)
	}
}

// TestDryRun: a dry run asks for each object, and leaves the versions. Progress is reported for each page.
func TestDryRun(t *testing.T) {
	s := stored(250)
	m := s.migration()
	m.DryRun = true
	var pages []int
	m.Progress = func(o Outcome) { pages = append(pages, o.Rewritten) }
	done, err := m.Run(t.Context(), "tasks.tekton.dev")
	if err != nil || done.Rewritten != 250 || len(s.definition.Stored) != 2 || !slices.Equal(done.After, done.Before) {
		t.Errorf("want 250 objects and the versions as they were, got %+v, %v", done, err)
	}
	if !slices.Equal(pages, []int{100, 200, 250}) {
		t.Errorf("want the progress after each page, got %v", pages)
	}
}
