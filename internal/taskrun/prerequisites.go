package taskrun

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/pod"
	"github.com/sluice-ci/sluice/internal/resolve/image"
)

// ImageLookup looks up the command of an image for a step without a command. It never waits for a registry.
type ImageLookup interface {
	// Entrypoint returns the present answer. The error is an *image.Error if no retry can help, and otherwise an
	// *image.WaitError: the owner is woken when there is news.
	Entrypoint(owner image.Owner, name string, pull image.Pull) (image.Entrypoint, error)
	// Forget drops the requests of an owner.
	Forget(owner types.NamespacedName)
}

// Prerequisites are what the pod needs in addition to the run and its task.
type Prerequisites struct {
	// Credentials are the secrets of the service account to set up in the steps.
	Credentials []corev1.Secret
	// MissingSecrets are the names of secrets that the service account lists but that do not exist.
	MissingSecrets []string
	// LimitRanges of the namespace.
	LimitRanges []corev1.LimitRange
	// Commands are the commands of the images of steps and sidecars without a command.
	Commands pod.ImageCommands
	// Blocked is why the pod can never be created without a change.
	Blocked *Outcome
	// Waiting is why it cannot be made now.
	Waiting *WaitReason
	// Lookup is the state of the image lookups; zero if there are none.
	Lookup Lookup
}

// missing reports whether the pod cannot be created, now or ever.
func (n *Prerequisites) missing() bool { return n.Blocked != nil || n.Waiting != nil }

// prerequisites reads what the pod needs.
func (r *Reconciler) prerequisites(ctx context.Context, tr *v1.TaskRun, obs Observation, prepared *Prepared) (Prerequisites, error) {
	var needs Prerequisites
	account := serviceAccount(tr, obs.Config.Defaults)
	if !obs.Flags.DisableCredentials {
		name := types.NamespacedName{Namespace: tr.Namespace, Name: account}
		if err := r.readCredentials(ctx, name, obs.Flags.RequireKnownHosts, &needs); err != nil {
			return needs, err
		}
	}
	ranges := &corev1.LimitRangeList{}
	if err := r.Client.List(ctx, ranges, client.InNamespace(tr.Namespace)); err != nil {
		return needs, fmt.Errorf("cannot list LimitRanges of namespace %q: %w", tr.Namespace, err)
	}
	needs.LimitRanges = ranges.Items
	if needs.Blocked == nil {
		templates := []*v1.PodTemplate{prepared.Run.Spec.PodTemplate, obs.Config.Defaults.PodTemplate}
		r.findCommands(tr, prepared.Task.Spec, pullOf(tr, account, templates), &needs)
	}
	return needs, nil
}

// serviceAccount returns the name of the pod's service account.
func serviceAccount(tr *v1.TaskRun, defaults config.Defaults) string {
	for _, name := range []string{tr.Spec.ServiceAccountName, defaults.ServiceAccount} {
		if name != "" {
			return name
		}
	}
	return "default"
}

// pullOf returns the pod for which images are looked up. Of the templates of the pod, the first has precedence.
func pullOf(tr *v1.TaskRun, account string, templates []*v1.PodTemplate) image.Pull {
	pull := image.Pull{Namespace: tr.Namespace, ServiceAccount: account, Secrets: pullSecrets(templates)}
	for _, t := range templates {
		if t != nil && t.NodeSelector[corev1.LabelArchStable] != "" {
			pull.Architectures = []string{t.NodeSelector[corev1.LabelArchStable]}
			break
		}
	}
	return pull
}

// pullSecrets returns the pull secrets of the pod in addition to those of its service account.
func pullSecrets(templates []*v1.PodTemplate) []corev1.LocalObjectReference {
	for _, t := range templates {
		if t != nil && len(t.ImagePullSecrets) > 0 {
			return t.ImagePullSecrets
		}
	}
	return nil
}

// The marks of a secret that must be set up for git or for registries.
const (
	gitAnnotation    = v1.GroupName + "/git-"
	dockerAnnotation = v1.GroupName + "/docker-"
	knownHostsKey    = "known_hosts"
)

// readCredentials reads the secrets of a service account from the API server, so that secrets are not cached. If the service
// account does not exist, the API server reports that when the pod is created.
func (r *Reconciler) readCredentials(ctx context.Context, name types.NamespacedName, requireKnownHosts bool, needs *Prerequisites) error {
	account := &corev1.ServiceAccount{}
	if err := r.Live.Get(ctx, name, account); err != nil {
		if apierrors.IsNotFound(err) {
			return nil
		}
		return fmt.Errorf("cannot get service account %q: %w", name.Name, err)
	}
	for _, ref := range account.Secrets {
		secret := &corev1.Secret{}
		err := r.Live.Get(ctx, types.NamespacedName{Namespace: name.Namespace, Name: ref.Name}, secret)
		switch {
		case apierrors.IsNotFound(err):
			needs.MissingSecrets = append(needs.MissingSecrets, ref.Name)
			continue
		case err != nil:
			return fmt.Errorf("cannot get secret %q of service account %q: %w", ref.Name, name.Name, err)
		case !setUp(secret):
			continue
		case requireKnownHosts && lacksKnownHosts(secret):
			needs.Blocked = failed(v1.TaskRunReasonValidationFailed, fmt.Sprintf(
				"secret %q of service account %q has no key %q, which require-git-ssh-secret-known-hosts asks for: say which hosts are to be trusted",
				ref.Name, name.Name, knownHostsKey))
			return nil
		}
		secret.Data = nil // the steps mount it; the controller must not hold it
		needs.Credentials = append(needs.Credentials, *secret)
	}
	return nil
}

// setUp reports whether a secret must be set up in the steps: it is annotated for git or for registries, or is a
// configuration for registries.
func setUp(secret *corev1.Secret) bool {
	if secret.Type == corev1.SecretTypeDockercfg || secret.Type == corev1.SecretTypeDockerConfigJson {
		return true
	}
	for key := range secret.Annotations {
		if strings.HasPrefix(key, gitAnnotation) || strings.HasPrefix(key, dockerAnnotation) {
			return true
		}
	}
	return false
}

func lacksKnownHosts(secret *corev1.Secret) bool {
	return secret.Type == corev1.SecretTypeSSHAuth && len(secret.Data[knownHostsKey]) == 0
}
