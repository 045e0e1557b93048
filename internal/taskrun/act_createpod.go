package taskrun

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/pod"
	"github.com/sluice-ci/sluice/internal/reconcile"
	"github.com/sluice-ci/sluice/internal/transport"
)

// createPod creates the claims of the run's workspaces, and the pod. If a reconcile whose status was not written has already
// created the pod, and from the same task, it is used.
func (r *Reconciler) createPod(ctx context.Context, tr *v1.TaskRun, obs Observation, plan Plan) (Effect, error) {
	if attempt(tr) > 0 {
		r.Transports.Forget(keyOf(tr)) // those of earlier attempts; this one has no pod yet
	}
	wanted, err := r.buildPod(tr, obs, plan)
	var limit *pod.LimitError
	var fieldError *pod.FieldError
	switch {
	case errors.As(err, &limit), errors.As(err, &fieldError):
		return Effect{Outcome: failed(v1.TaskRunReasonValidationFailed, err.Error())}, nil
	case err != nil:
		return Effect{}, fmt.Errorf("cannot build pod for TaskRun %q: %w", tr.Name, err)
	}
	for _, claim := range plan.Prepared.Claims {
		if _, effect, err := create(ctx, r, tr, reconcile.ClaimKind(), claim, v1.TaskRunReasonClaimCreationFailed); err != nil || effect.ends() {
			return effect, err
		}
	}
	r.gone.settle(keyOf(tr))
	r.gone.forget(podName(tr)) // what was reported of an earlier pod with this name
	creation, effect, err := create(ctx, r, tr, podKind(), wanted, v1.TaskRunReasonPodCreationFailed)
	switch {
	case err != nil || effect.ends():
		return effect, err
	case creation.Adopted && !madeFrom(creation.Object, wanted.Labels[v1.LabelTaskDigest]):
		return r.replacePod(ctx, creation.Object)
	case !creation.Adopted:
		r.Metrics.PodCreated()
		r.reportMissingSecrets(tr, obs, plan.Needs.MissingSecrets)
	}
	r.learnInjection(tr, creation.Object)
	return Effect{Pod: creation.Object}, nil
}

// reportMissingSecrets reports the secrets that the steps do not get. They may be for other runs, so this run continues.
func (r *Reconciler) reportMissingSecrets(tr *v1.TaskRun, obs Observation, missing []string) {
	if len(missing) == 0 {
		return
	}
	r.Recorder.Eventf(tr, nil, corev1.EventTypeWarning, reasonMissingSecret, "Reconcile", "%s", reconcile.Note(fmt.Sprintf(
		"service account %q lists secrets that do not exist: %q; the run continues without them; create them, or remove them "+
			"from the service account", serviceAccount(tr, obs.Config.Defaults), missing)))
}

// buildPod builds the pod of the run's current attempt.
func (r *Reconciler) buildPod(tr *v1.TaskRun, obs Observation, plan Plan) (*corev1.Pod, error) {
	from := transport.Needed(obs.ResultsFrom, obs.Task.Spec, obs.Flags)
	built, err := pod.Build(pod.Input{
		TaskRun: plan.Prepared.Run, Spec: plan.Prepared.Task.Spec, References: plan.Prepared.Task.References,
		Expressions: plan.Prepared.Expressions, Documents: pod.DocumentsOf(obs.Task.Spec),
		Commands: plan.Needs.Commands, MaxResultSize: obs.Flags.MaxResultSize, Settings: settings(obs.Config),
		ResultsFrom: from, Transport: r.Transports[from], Nonce: rand.Text(), Retry: attempt(tr),
		Signing: r.signing(tr, obs), Image: r.Inpod.Image, Delivery: r.Inpod.Delivery, Credentials: plan.Needs.Credentials,
	})
	if err != nil {
		return nil, err
	}
	built.Labels[v1.LabelManagedBy] = obs.Config.Defaults.ManagedBy
	built.Labels[v1.LabelTaskDigest] = taskDigest(obs.Task.Spec)
	fitLimitRanges(built, plan.Needs.LimitRanges)
	if obs.Config.Flags.AwaitInjected && r.isUnguarded(tr.Namespace) {
		pod.Hold(built)
	}
	return built, nil
}

// signing returns what the steps need to sign their results; nil if they do not sign.
func (r *Reconciler) signing(tr *v1.TaskRun, obs Observation) *pod.Signing {
	if !obs.signs() {
		return nil
	}
	return &pod.Signing{Image: r.Inpod.SigningImage, Socket: obs.Flags.Signing.Socket, Identity: identityOf(tr, obs.Flags)}
}

// settings returns the settings of the installation for all pods.
func settings(c config.Config) pod.Settings {
	return pod.Settings{
		SecurityContext: c.Flags.SecurityContext, ReadOnlyRootFilesystem: c.Flags.ReadOnlyRootFilesystem,
		ServiceAccount: c.Defaults.ServiceAccount, SkipSidecarReadiness: !c.Flags.AwaitSidecars,
		AwaitInjected: c.Flags.AwaitInjected,
		PodTemplate:   c.Defaults.PodTemplate, Resources: c.Defaults.ContainerResources,
	}
}
