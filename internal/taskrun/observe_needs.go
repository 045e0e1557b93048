package taskrun

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/resolve/image"
)

// ImageLookup tells what an image runs when nobody says otherwise. The error is an *image.Error when trying again cannot
// help; any other may pass.
type ImageLookup interface {
	Entrypoint(ctx context.Context, image string, pull image.Pull) (image.Entrypoint, error)
}

// Needs are what the pod needs of what is neither in the run nor in its task.
type Needs struct {
	// Credentials are the secrets of the service account that are to be set up in the steps.
	Credentials []corev1.Secret
	// LimitRanges of the namespace.
	LimitRanges []corev1.LimitRange
	// Blocked is why the pod can never be made as things stand.
	Blocked *Outcome
	// Hindered is why it cannot be made now.
	Hindered *Hindrance
}

// observeNeeds reads what the pod needs, and fills in the commands that images have.
func (r *Reconciler) observeNeeds(ctx context.Context, tr *v1.TaskRun, obs *Observation) error {
	account := serviceAccount(tr, obs.Config.Defaults)
	if !obs.Config.Flags.DisableCredentials {
		if err := r.observeCredentials(ctx, types.NamespacedName{Namespace: tr.Namespace, Name: account}, obs); err != nil {
			return err
		}
	}
	ranges := &corev1.LimitRangeList{}
	if err := r.client.List(ctx, ranges, client.InNamespace(tr.Namespace)); err != nil {
		return fmt.Errorf("cannot list LimitRanges of namespace %q: %w", tr.Namespace, err)
	}
	obs.Needs.LimitRanges = ranges.Items
	if obs.Needs.Blocked == nil {
		r.observeImages(ctx, pullOf(tr, account, obs), obs)
	}
	return nil
}

// serviceAccount is the name of the one that the pod will run as.
func serviceAccount(tr *v1.TaskRun, defaults config.Defaults) string {
	for _, name := range []string{tr.Spec.ServiceAccountName, defaults.ServiceAccount} {
		if name != "" {
			return name
		}
	}
	return "default"
}

// pullOf says for whom images are looked up.
func pullOf(tr *v1.TaskRun, account string, obs *Observation) image.Pull {
	pull := image.Pull{Namespace: tr.Namespace, ServiceAccount: account, Secrets: pullSecrets(obs)}
	for _, t := range []*v1.PodTemplate{obs.Prepared.Run.Spec.PodTemplate, obs.Config.Defaults.PodTemplate} {
		if t != nil && t.NodeSelector[corev1.LabelArchStable] != "" {
			pull.Architectures = []string{t.NodeSelector[corev1.LabelArchStable]}
			break
		}
	}
	return pull
}

// pullSecrets are those that the pod will have besides its service account's.
func pullSecrets(obs *Observation) []corev1.LocalObjectReference {
	if t := obs.Prepared.Run.Spec.PodTemplate; t != nil && len(t.ImagePullSecrets) > 0 {
		return t.ImagePullSecrets
	}
	if t := obs.Config.Defaults.PodTemplate; t != nil {
		return t.ImagePullSecrets
	}
	return nil
}

// What marks a secret as one that is to be set up for git or for registries.
const (
	gitAnnotation    = v1.GroupName + "/git-"
	dockerAnnotation = v1.GroupName + "/docker-"
	knownHostsKey    = "known_hosts"
)

// observeCredentials reads the secrets of a service account, from the API server itself: secrets are none of a cache's
// business. A service account that is not there is what the API server says when the pod is made.
func (r *Reconciler) observeCredentials(ctx context.Context, name types.NamespacedName, obs *Observation) error {
	account := &corev1.ServiceAccount{}
	if err := r.live.Get(ctx, name, account); err != nil {
		if apierrors.IsNotFound(err) {
			return nil
		}
		return fmt.Errorf("cannot get service account %q: %w", name.Name, err)
	}
	for _, ref := range account.Secrets {
		secret := &corev1.Secret{}
		err := r.live.Get(ctx, types.NamespacedName{Namespace: name.Namespace, Name: ref.Name}, secret)
		switch {
		case apierrors.IsNotFound(err):
			obs.Needs.Blocked = failed(v1.TaskRunReasonPodCreationFailed, fmt.Sprintf(
				"service account %q has the secret %q, which is not there; make it, or take it off the service account", name.Name, ref.Name))
			return nil
		case err != nil:
			return fmt.Errorf("cannot get secret %q of service account %q: %w", ref.Name, name.Name, err)
		case !setUp(secret):
			continue
		case obs.Config.Flags.RequireKnownHosts && lacksKnownHosts(secret):
			obs.Needs.Blocked = failed(v1.TaskRunReasonValidationFailed, fmt.Sprintf(
				"secret %q of service account %q has no key %q, which require-git-ssh-secret-known-hosts asks for: say which hosts are to be trusted",
				ref.Name, name.Name, knownHostsKey))
			return nil
		}
		secret.Data = nil // the steps have it mounted; nothing here is to hold it
		obs.Needs.Credentials = append(obs.Needs.Credentials, *secret)
	}
	return nil
}

// setUp reports whether a secret is one that steps are to find ready: annotated for git or for registries, or a
// configuration for registries as it is.
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

// observeImages looks up what the images of steps and sidecars run that say nothing themselves. A registry that does not
// answer is waited for; one that says no is the run's end.
func (r *Reconciler) observeImages(ctx context.Context, pull image.Pull, obs *Observation) {
	spec := obs.Prepared.Task.Spec
	for i := range spec.Steps {
		s := &spec.Steps[i]
		if s.Script != "" || len(s.Command) > 0 {
			continue
		}
		pull.Step = field.NewPath("spec", "steps").Index(i).String()
		found, ok := r.lookUp(ctx, s.Image, pull, obs)
		if !ok {
			return
		}
		s.Image = found.Image
		s.Command, s.Args = run(found, s.Args)
	}
	for i := range spec.Sidecars {
		s := &spec.Sidecars[i]
		if s.Script != "" || len(s.Command) > 0 {
			continue
		}
		pull.Step = field.NewPath("spec", "sidecars").Index(i).String()
		// With its command known, a sidecar that ends early is kept from being started again. Without, it runs as it is.
		if found, err := r.images.Entrypoint(ctx, s.Image, pull); err == nil {
			s.Image = found.Image
			s.Command, s.Args = run(found, s.Args)
		}
	}
}

// run is what a container runs that gives args, which may be none, and no command. In what comes from the image nothing is
// a variable of Kubernetes.
func run(found image.Entrypoint, args []string) (command, arguments []string) {
	command, arguments = found.Command(args)
	if len(args) == 0 {
		arguments = literals(arguments)
	}
	return literals(command), arguments
}

func (r *Reconciler) lookUp(ctx context.Context, name string, pull image.Pull, obs *Observation) (image.Entrypoint, bool) {
	found, err := r.images.Entrypoint(ctx, name, pull)
	var final *image.Error
	switch {
	case err == nil:
		return found, true
	case errors.As(err, &final):
		obs.Needs.Blocked = failed(v1.TaskRunReasonImagePullFailed, err.Error())
	default:
		obs.Needs.Hindered = &Hindrance{v1.TaskRunReasonPullImageFailed, "the pod cannot be made yet: " + err.Error()}
	}
	return image.Entrypoint{}, false
}

// literals are the words of an image's command as a container's command: nothing in them is a variable of Kubernetes.
func literals(words []string) []string {
	out := slices.Clone(words)
	for i, word := range out {
		out[i] = strings.ReplaceAll(word, "$", "$$")
	}
	return out
}
