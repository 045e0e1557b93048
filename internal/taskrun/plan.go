package taskrun

import (
	"context"
	"time"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/transport"
)

// Plan is what the pod of a run is to be made from, or why it cannot be made. For a run that needs no new pod, it has nothing
// but Invalid. Nothing writes to it once plan has returned it.
type Plan struct {
	// Invalid is which rule of the API the run or its task breaks.
	Invalid error
	// Prepared is what the pod is made from; nil when Invalid, or when something is missing that must be there before.
	Prepared *Prepared
	// Refusal is why results could not come back from the pod; nil when they could.
	Refusal *transport.RefusalError
	// Needs are what the pod needs besides.
	Needs Prerequisites
}

// plan prepares the pod of a run that needs a new one, and reads what that pod needs besides.
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

// needsPod reports whether a pod is to be made for the current attempt of the run.
func (o Observation) needsPod(tr *v1.TaskRun) bool {
	return !tr.Status.Done() && !o.Held && tr.Status.PodName == "" && o.Pod == nil && o.Unrecorded == nil && o.Unresolvable == nil && o.stopped(tr) == ""
}

// earlierPatience is how long an attempt waits for the pod of the one before: longer than a pod has to end its containers,
// but not without a limit, since its node may be lost.
const earlierPatience = 40 * time.Second

// awaitsEarlier returns what the run waits for if the attempt before still has something running; nil if it has not. What
// it does to a volume that both mount must not happen while the next attempt works there. A pod that was not asked to end is
// asked first, and has its time then.
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
