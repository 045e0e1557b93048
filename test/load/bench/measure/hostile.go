package measure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/load/bench/load"
	"github.com/sluice-ci/sluice/test/load/bench/record"
	"github.com/sluice-ci/sluice/test/load/bench/usage"
	"github.com/sluice-ci/sluice/test/load/hostile"
	"github.com/sluice-ci/sluice/test/testutil/kube"
)

// shown is the maximum number of bytes of a refusal that are kept.
const shown = 200

// attack sends hostile objects from the namespace of a tenant: first each object alone as a dry run, then all at once, first
// as a dry run and then to be stored. At the same time another tenant starts a run, which must succeed.
func (b *Bench) attack(ctx context.Context, batch load.Batch) (measured record.Batch, err error) {
	attacker := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: b.Namespace + "-hostile-"}}
	if err := b.Client.Create(ctx, attacker); err != nil {
		return measured, fmt.Errorf("cannot create the namespace of hostile objects: %w", err)
	}
	defer func() { err = errors.Join(err, b.Client.Delete(context.WithoutCancel(ctx), attacker), b.clean(ctx)) }()
	bare, err := b.serveBare(ctx, attacker.Name)
	if bare != nil {
		defer func() { err = errors.Join(err, b.Client.Delete(context.WithoutCancel(ctx), bare)) }()
	}
	if err != nil {
		return measured, err
	}
	before, err := b.read(ctx, true)
	if err != nil {
		return measured, err
	}
	begin := time.Now()
	outcome, err := b.send(ctx, batch, attacker.Name)
	if err != nil {
		return measured, err
	}
	if outcome.Flood, err = b.flood(ctx, attacker.Name); err != nil {
		return measured, err
	}
	outcome.FloodBytes = hostile.FloodBytes
	wall := time.Since(begin)
	pause(ctx, settle) // the controller works on the admitted objects
	after, err := b.read(ctx, false)
	return record.Batch{
		Row: batch.Row, Mode: batch.Mode, Wall: wall.Seconds(), Peak: after.controller.Peak, Hostile: outcome,
		Machine: after.machine - before.machine, Controller: after.controller.Processor - before.controller.Processor,
	}, err
}

// send sends the objects, and at the same time the other tenant's run.
func (b *Bench) send(ctx context.Context, batch load.Batch, namespace string) (*record.Hostile, error) {
	kinds := hostile.Objects(b.Image)
	outcome := &record.Hostile{Objects: make([]record.HostileObject, batch.N)}
	var problem error
	var all sync.WaitGroup
	for i := range outcome.Objects {
		kind := kinds[i%len(kinds)]
		name := fmt.Sprintf("%s-%d", kind.Name, i)
		text, err := json.Marshal(kind.Build(namespace, name, 1))
		if err != nil {
			return nil, fmt.Errorf("cannot encode hostile object %q: %w", kind.Name, err)
		}
		outcome.Objects[i] = record.HostileObject{Name: name, What: kind.What, Bytes: len(text)}
		if err := b.alone(ctx, &outcome.Objects[i], kind.Build(namespace, name, 1)); err != nil {
			return nil, err
		}
	}
	for i := range outcome.Objects {
		all.Go(func() {
			kind, o := kinds[i%len(kinds)], &outcome.Objects[i]
			o.DryRun = b.answer(ctx, kind.Build(namespace, o.Name, 1), client.DryRunAll)
			o.Create = b.answer(ctx, kind.Build(namespace, o.Name, 1))
		})
	}
	all.Go(func() { problem = b.beside(ctx, batch, outcome) })
	all.Wait()
	return outcome, problem
}

// alone sends an object as a dry run, without other requests: first as it is, then as an object of the kind without a schema.
func (b *Bench) alone(ctx context.Context, outcome *record.HostileObject, object client.Object) error {
	before, err := usage.Webhooks(ctx, b.Kube)
	if err != nil {
		return err
	}
	outcome.Alone = b.answer(ctx, object, client.DryRunAll)
	after, err := usage.Webhooks(ctx, b.Kube)
	outcome.Webhooks = after - before
	if err != nil {
		return err
	}
	bare, err := bareOf(object)
	if err != nil {
		return err
	}
	outcome.Bare = b.answer(ctx, bare, client.DryRunAll)
	if outcome.Bare.Refused != "" {
		return fmt.Errorf("hostile object %q is refused as an object without a schema: %s", outcome.Name, outcome.Bare.Refused)
	}
	return nil
}

// flood creates a valid run that needs more results than a controller holds, and returns the reason with which it ends.
func (b *Bench) flood(ctx context.Context, namespace string) (string, error) {
	run := hostile.Flood(namespace, "flood", b.Image)
	if err := kube.Create(ctx, b.Client, run); err != nil {
		return "", err
	}
	children := &v1.TaskRunList{}
	err := kube.Poll(ctx, func(ctx context.Context) (bool, error) {
		err := b.Client.List(ctx, children, client.InNamespace(namespace), client.MatchingLabels{v1.LabelPipelineRun: run.Name})
		return len(children.Items) >= hostile.Copies, err
	})
	if err != nil {
		return "", fmt.Errorf("want %d TaskRuns of PipelineRun %q, got %d: %w",
			hostile.Copies, run.Name, len(children.Items), err)
	}
	for i := range children.Items {
		if err := b.writeStatus(ctx, namespace, children.Items[i].Name, hostile.FloodStatus()); err != nil {
			return "", err
		}
	}
	done := func(run *v1.PipelineRun) bool { return run.Status.Done() }
	if err := kube.Await(ctx, b.Client, run, &v1.PipelineRunList{}, done); err != nil {
		return "", err
	}
	return run.Status.Condition().Reason, nil
}

// answer creates an object without retries, and returns the API server's answer.
func (b *Bench) answer(ctx context.Context, object client.Object, options ...client.CreateOption) record.Answer {
	begin := time.Now()
	err := b.Client.Create(ctx, object, options...)
	outcome := record.Answer{Seconds: since(begin, time.Now())}
	if err != nil {
		outcome.Refused = err.Error()[:min(shown, len(err.Error()))]
		outcome.Unanswered = !hostile.Judged(err)
	}
	return outcome
}

// beside starts a run of another tenant and waits for its end.
func (b *Bench) beside(ctx context.Context, batch load.Batch, outcome *record.Hostile) error {
	b.made++
	object := batch.Object(b.Namespace, fmt.Sprintf("%s-%d", batch.Name, b.made), b.Image)
	run, ok := object.(*v1.TaskRun)
	if !ok {
		return fmt.Errorf("cannot send %T beside hostile objects: want a TaskRun", object)
	}
	begin := time.Now()
	if err := kube.Create(ctx, b.Client, run); err != nil {
		return err
	}
	outcome.Admitted = since(begin, time.Now())
	done := func(run *v1.TaskRun) bool { return run.Status.Done() }
	if err := kube.Await(ctx, b.Client, run, &v1.TaskRunList{}, done); err != nil {
		return err
	}
	outcome.Done = since(begin, time.Now())
	if c := run.Status.Condition(); c.Status != metav1.ConditionTrue {
		return fmt.Errorf("the run of another tenant failed: %s", kube.Describe(c))
	}
	if problem := batch.Whole(&run.Status); problem != "" {
		return fmt.Errorf("the run of another tenant is not valid: %s", problem)
	}
	return nil
}
