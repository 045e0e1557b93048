package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/installation"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
	"github.com/sluice-ci/sluice/internal/config"
)

// logAccess checks whether the controller may read logs in all namespaces, or in the namespace of the command.
func logAccess(ctx context.Context, p *patient) []Finding {
	everywhere, err := p.mayReadLogs(ctx, corev1.NamespaceAll)
	if err != nil {
		return []Finding{warning("ask for the right to create subjectaccessreviews",
			"cannot check whether the controller may read logs: %v", err)}
	}
	here := everywhere
	if !everywhere {
		if here, err = p.mayReadLogs(ctx, p.cluster.Namespace); err != nil {
			return []Finding{warning("", "cannot check whether the controller may read logs: %v", err)}
		}
	}
	grant := "sluice install --results-from sidecar-logs, or kubectl apply -f config/enable-log-access-to-controller/"
	if p.serviceAccount().Namespace != installation.NamespaceFull {
		grant = "sluice install --beside-tekton --results-from sidecar-logs"
	}
	return []Finding{judgeLogAccess(p.flags, grant, everywhere, here, p.cluster.Namespace)}
}

// judgeLogAccess returns what the right to read logs means for the runs of a namespace. Grant is the command that grants it.
func judgeLogAccess(flags config.Flags, grant string, everywhere, here bool, namespace string) Finding {
	switch {
	case everywhere:
		return ok("the controller may read logs in every namespace")
	case flags.ResultsFrom == config.SidecarLogs && here:
		return warning("for all namespaces: "+grant, "the controller may read logs %s, but not in every namespace", inNamespace(namespace))
	case flags.ResultsFrom == config.SidecarLogs:
		return trouble(grant,
			"results-from is sidecar-logs, but the controller may not read logs %s: runs with results fail",
			inNamespace(namespace))
	case flags.ResultsFromPerRun && !here:
		return ok("the controller may not read logs; only runs with the annotation %s: sidecar-logs need this right", v1.AnnotationResultsFrom)
	default:
		return ok("the controller may read the logs that it needs")
	}
}

func (p *patient) mayReadLogs(ctx context.Context, namespace string) (bool, error) {
	account := p.serviceAccount()
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User:   "system:serviceaccount:" + account.Namespace + ":" + account.Name,
		Groups: []string{"system:serviceaccounts", "system:serviceaccounts:" + account.Namespace, "system:authenticated"},
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Namespace: namespace, Verb: "get", Version: "v1", Resource: "pods", Subresource: "log",
		},
	}}
	answer, err := p.cluster.Kube.AuthorizationV1().SubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
	if err != nil {
		return false, err
	}
	return answer.Status.Allowed, nil
}

// webhooks creates, in a dry run, an invalid Task that only the webhooks reject.
func webhooks(ctx context.Context, p *patient) []Finding {
	if p.beside != nil {
		return p.marking(ctx)
	}
	wrong := &v1.Task{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "sluice-doctor-", Namespace: p.cluster.Namespace},
		Spec:       v1.TaskSpec{Steps: []v1.Step{{Image: "busybox", Script: "echo $(params.there-is-no-such-param)"}}},
	}
	return []Finding{judgeWebhooks(p.cluster.Client.Create(ctx, wrong, client.DryRunAll), p.namespace(), p.cluster.Namespace)}
}

func judgeWebhooks(err error, installation, namespace string) Finding {
	switch {
	case err == nil:
		return warning(fmt.Sprintf("run sluice install, or remove the label "+
			"sluice.dev/admission=ignore from the namespace: kubectl get namespace %s --show-labels", namespace),
			"the webhooks are not called: errors are only detected when a run starts")
	case strings.Contains(err.Error(), "there-is-no-such-param"):
		return ok("the webhooks respond, and reject invalid objects")
	case strings.Contains(err.Error(), "failed calling webhook"):
		return trouble(fmt.Sprintf("kubectl logs -n %s deployment/sluice-controller; check that the API server "+
			"can connect to port 9443 of its pods", installation),
			"the API server cannot reach the webhooks, so it rejects all objects: %s", terminal.Line(err.Error()))
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return warning(fixLeaving, "cannot check the webhooks: namespace %s is being deleted", namespace)
	case apierrors.IsForbidden(err):
		return warning("ask for the right to create tasks "+inNamespace(namespace),
			"cannot check the webhooks: you may not create a Task %s", inNamespace(namespace))
	case apierrors.IsNotFound(err):
		return warning(fixLeaving, "cannot check the webhooks: %v", err)
	default:
		return warning("", "cannot check the webhooks: %s", terminal.Line(err.Error()))
	}
}

// mostNodes is how many nodes are checked. Nodes of a pool are alike.
const mostNodes = 10

// rotation checks how many bytes of a log the nodes keep.
func rotation(ctx context.Context, p *patient) []Finding {
	if p.flags.ResultsFrom != config.SidecarLogs && !p.flags.ResultsFromPerRun {
		return []Finding{ok("results do not come through logs")}
	}
	var nodes corev1.NodeList
	if err := p.cluster.Client.List(ctx, &nodes); err != nil {
		return []Finding{warning("ask for the right to list nodes", "cannot check the rotation of logs: %v", err)}
	}
	var small []string
	for i := range nodes.Items[:min(mostNodes, len(nodes.Items))] {
		name := nodes.Items[i].Name
		text, err := p.readers.Configz(ctx, p.cluster, name)
		if err != nil {
			return []Finding{warning(fmt.Sprintf("containerLogMaxSize of the kubelets must be at least %d bytes; "+
				"to check it, you need the right to get nodes/proxy", neededLog(p.flags)),
				"cannot check the rotation of logs on node %s: %v", name, err)}
		}
		size, err := logSize(text)
		if err != nil {
			return []Finding{warning("", "node %s: %v", name, err)}
		}
		if size < neededLog(p.flags) {
			small = append(small, fmt.Sprintf("%s at %d bytes", name, size))
		}
	}
	return []Finding{judgeRotation(small, neededLog(p.flags), len(nodes.Items))}
}

func judgeRotation(small []string, needed int64, nodes int) Finding {
	if len(small) > 0 {
		return trouble(fmt.Sprintf("set containerLogMaxSize in the configuration of the kubelet to at least %d bytes (default: 10Mi)", needed),
			"results of the allowed size may be lost, because these nodes rotate logs too early: %s", strings.Join(small, ", "))
	}
	return ok("%d of %d nodes checked: logs are rotated late enough for results of the allowed size", min(mostNodes, nodes), nodes)
}

// logSize returns the size at which a log is rotated, in bytes.
func logSize(configz []byte) (int64, error) {
	var answer struct {
		Kubelet struct {
			Size string `json:"containerLogMaxSize"`
		} `json:"kubeletconfig"`
	}
	if err := json.Unmarshal(configz, &answer); err != nil {
		return 0, fmt.Errorf("cannot read the configuration of the kubelet: %w", err)
	}
	size, err := resource.ParseQuantity(answer.Kubelet.Size)
	if err != nil {
		return 0, fmt.Errorf("cannot read containerLogMaxSize %q: %w", answer.Kubelet.Size, err)
	}
	return size.Value(), nil
}

// rights checks the rights of the user for the commands.
func rights(ctx context.Context, p *patient) []Finding {
	var missing []string
	for _, want := range []struct{ verb, group, resource, subresource string }{
		{"create", v1.GroupName, "taskruns", ""}, {"create", v1.GroupName, "pipelineruns", ""},
		{"watch", v1.GroupName, "taskruns", ""}, {"get", "", "pods", "log"},
	} {
		review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
			ResourceAttributes: &authorizationv1.ResourceAttributes{
				Namespace: p.cluster.Namespace, Verb: want.verb, Group: want.group, Resource: want.resource, Subresource: want.subresource,
			},
		}}
		answer, err := p.cluster.Kube.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
		if err != nil {
			return []Finding{warning("", "cannot check your rights: %v", err)}
		}
		if !answer.Status.Allowed {
			missing = append(missing, strings.TrimSuffix(want.verb+" "+want.resource+"/"+want.subresource, "/"))
		}
	}
	if len(missing) > 0 {
		return []Finding{warning("the ClusterRole edit has these rights: ask for it in the namespace",
			"in namespace %s you may not: %s", p.cluster.Namespace, strings.Join(missing, ", "))}
	}
	switch p.stateOf(ctx, p.cluster.Namespace) {
	case namespaceAbsent:
		return []Finding{warning(fixLeaving, "there is no namespace %s, so no run can start in it", p.cluster.Namespace)}
	case namespaceLeaving:
		return []Finding{warning(fixLeaving, "namespace %s is being deleted, so no run can start in it", p.cluster.Namespace)}
	case namespaceUsable:
	}
	return []Finding{ok("you may start and watch runs in namespace %s", p.cluster.Namespace)}
}

// fixLeaving is what to do if the namespace of the command cannot be used.
const fixLeaving = "select an existing namespace: -n NAMESPACE"

// namespaceState says whether objects can be created in a namespace.
type namespaceState int

const (
	// namespaceUsable also stands for a namespace that cannot be read: users often lack that right.
	namespaceUsable namespaceState = iota
	namespaceLeaving
	namespaceAbsent
)

// stateOf reads a namespace; "" is all of them.
func (p *patient) stateOf(ctx context.Context, name string) namespaceState {
	if name == corev1.NamespaceAll {
		return namespaceUsable
	}
	var namespace corev1.Namespace
	err := p.cluster.Client.Get(ctx, client.ObjectKey{Name: name}, &namespace)
	switch {
	case apierrors.IsNotFound(err):
		return namespaceAbsent
	case err == nil && !namespace.DeletionTimestamp.IsZero():
		return namespaceLeaving
	default:
		return namespaceUsable
	}
}
