package taskrun

import (
	"context"
	"time"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/transport"
)

// Plan is what the pod of a run is created from, or why it cannot be created. For a run that needs no new pod, it has only
// Invalid. Nothing writes to it after plan has returned it.
type Plan struct {
	// Invalid is the rule of the API that the run or its task breaks.
	Invalid error
	// Prepared is what the pod is created from; nil if Invalid, or if a prerequisite is missing.
	Prepared *Prepared
	// Refusal is why results could not be read from the pod; nil if they can.
	Refusal *transport.RefusalError
	// Needs are the prerequisites of the pod.
	Needs Prerequisites
}

// plan prepares the pod of a run that needs a new one, and reads the prerequisites of that pod.
func (r *Reconciler) plan(ctx context.Context, tr *v1.TaskRun, obs Observation) (Plan, error) {
	plan := Plan{Invalid: obs.Invalid}
	if !obs.needsPod(tr) {
		return plan, nil
	}
	if plan.Needs.Waiting = obs.awaitsEarlier(tr); plan.Needs.Waiting != nil {
		return plan, nil
	}
	if plan.Invalid == nil {
		plan.Prepared, plan.Invalid = prepare(tr, obs, r.Evaluator)
	}
	if plan.Invalid != nil {
		return plan, nil
	}
	if plan.Needs = r.signingNeeds(obs); plan.Needs.missing() {
		return plan, nil
	}
	var err error
	plan.Refusal, err = r.Transports.CheckAccess(ctx, transport.Needed(obs.ResultsFrom, obs.Task.Spec, obs.Flags), tr.Namespace)
	if err != nil || plan.Refusal != nil {
		return plan, err
	}
	plan.Needs, err = r.prerequisites(ctx, tr, obs, plan.Prepared)
	return plan, err
}

// needsPod reports whether the current attempt of the run needs a new pod.
func (o Observation) needsPod(tr *v1.TaskRun) bool {
	return !tr.Status.Done() && !o.Held && tr.Status.PodName == "" && o.Pod == nil && o.Unrecorded == nil &&
		o.Unresolvable == nil && o.Resolving == nil && o.stopped(tr) == ""
}

// earlierPatience is how long an attempt waits for the pod of the previous one: longer than a pod has to end its containers,
// but with a limit, because its node may be lost.
const earlierPatience = 40 * time.Second

// awaitsEarlier returns what the run waits for if the previous attempt still has a running container; nil if it has none.
// Both may mount the same volume, so the previous attempt must not change it while the next one works there. A pod that was
// not stopped is stopped first, and then has its time to end.
func (o Observation) awaitsEarlier(tr *v1.TaskRun) *WaitReason {
	if o.Earlier.Pod == nil || podEnded(o.Earlier.Pod) {
		return nil
	}
	until := goneBy(o.Earlier.Pod).Add(earlierPatience - defaultGrace)
	if tr.Status.StartTime != nil && tr.Status.StartTime.Add(earlierPatience).After(until) {
		until = tr.Status.StartTime.Add(earlierPatience)
	}
	if tr.Status.StartTime == nil || o.Earlier.lingers() || o.Now.Before(until) {
		return &WaitReason{v1.TaskRunReasonPending, messageEarlier}
	}
	return nil
}
