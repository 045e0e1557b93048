package pod

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/variables/substitute"
)

func run(change func(*v1.TaskRunSpec)) func(*Input) {
	return func(in *Input) { change(&in.TaskRun.Spec) }
}

func oneStep(change func(*v1.Step)) v1.TaskSpec {
	s := command("one", "true")
	change(&s)
	return v1.TaskSpec{Steps: []v1.Step{s}}
}

// everyField is a sidecar that says everything.
func everyField() v1.Sidecar {
	probe := func(path string) *corev1.Probe {
		return &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: path, Port: intstr.FromInt32(80)}}}
	}
	return v1.Sidecar{
		Name: "full", Image: "i", ImagePullPolicy: corev1.PullAlways, Command: []string{"serve"}, Args: []string{"$(PORT)"}, WorkingDir: "srv",
		Ports: []corev1.ContainerPort{{ContainerPort: 80}},
		EnvFrom: []corev1.EnvFromSource{{
			Prefix:    "P_",
			SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "s"}},
		}},
		Env:              []corev1.EnvVar{{Name: "PORT", Value: "80"}},
		ComputeResources: corev1.ResourceRequirements{Limits: list("memory", "1Gi")},
		VolumeMounts:     []corev1.VolumeMount{{Name: "data", MountPath: "/data"}},
		VolumeDevices:    []corev1.VolumeDevice{{Name: "disk", DevicePath: "/dev/disk"}},
		LivenessProbe:    probe("/live"), ReadinessProbe: probe("/ready"), StartupProbe: probe("/start"),
		Lifecycle:              &corev1.Lifecycle{PostStart: &corev1.LifecycleHandler{Exec: &corev1.ExecAction{Command: []string{"warm"}}}},
		TerminationMessagePath: "/data/message", TerminationMessagePolicy: corev1.TerminationMessageFallbackToLogsOnError,
		SecurityContext: &corev1.SecurityContext{RunAsUser: new(int64(7))}, Stdin: true, StdinOnce: true, TTY: true,
		Workspaces: []v1.WorkspaceUsage{{Name: "shared", MountPath: "/elsewhere"}},
	}
}

func steps() v1.TaskSpec {
	return v1.TaskSpec{
		StepTemplate: &v1.StepTemplate{Image: "busybox:1", Env: []corev1.EnvVar{{Name: "COMMON", Value: "yes"}, {Name: "HOME", Value: "/root"}}},
		Results:      []v1.TaskResult{{Name: "digest"}, {Name: "from-step", Value: new(v1.StringValue("$(steps.make.results.map.k)"))}},
		Steps: []v1.Step{
			{Name: "make", Script: "make", OnError: v1.OnErrorContinue, Timeout: &metav1.Duration{Duration: 90 * time.Second},
				Results: []v1.StepResult{{Name: "text"}, {Name: "map", Properties: map[string]v1.PropertySpec{"k": {}}}}},
			{
				Command:      []string{"use", "tok-1"},
				Args:         []string{"tok-2", "$$"},
				StdoutConfig: &v1.StepOutputConfig{Path: "/workspace/$out"},
				StderrConfig: &v1.StepOutputConfig{Path: "/workspace/err"},
				When:         []v1.WhenExpression{{Input: "tok-1", Operator: v1.WhenNotIn, Values: []string{"$(x)", "tok-3"}}},
			},
			{
				Name:          "look",
				Script:        "cat /tekton/steps/0/exitCode /tekton/creds/x",
				VolumeDevices: []corev1.VolumeDevice{{Name: "disk", DevicePath: "/dev/disk"}},
			},
		},
		Volumes: []corev1.Volume{{Name: "disk"}},
	}
}

func references(in *Input) {
	in.References = []substitute.StepResultToken{
		{Token: "tok-1", Step: "make", Result: "text", Index: -1},
		{Token: "tok-2", Step: "make", Result: "map", Index: -1, Key: "$k"},
		{Token: "tok-3", Step: "make", Result: "map", Index: -1, Key: "k"},
		{Token: "tok-unused", Step: "make", Result: "text", Index: -1},
	}
}

func secret(name string, kind corev1.SecretType, annotations ...string) corev1.Secret {
	s := corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{}}, Type: kind}
	for i := 0; i < len(annotations); i += 2 {
		s.Annotations[annotations[i]] = annotations[i+1]
	}
	return s
}

func TestFeaturesGolden(t *testing.T) {
	boundEverything := run(func(tr *v1.TaskRunSpec) {
		claim := &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "existing", ReadOnly: true}
		tr.Workspaces = []v1.WorkspaceBinding{
			{Name: "empty", EmptyDir: &corev1.EmptyDirVolumeSource{Medium: corev1.StorageMediumMemory}},
			{Name: "claim", PersistentVolumeClaim: claim, SubPath: "a/b"},
			{Name: "template", VolumeClaimTemplate: &corev1.PersistentVolumeClaim{}},
			{Name: "config", ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "c"}}},
			{Name: "secret", Secret: &corev1.SecretVolumeSource{SecretName: "s"}},
			{Name: "projected", Projected: &corev1.ProjectedVolumeSource{}},
			{Name: "csi", CSI: &corev1.CSIVolumeSource{Driver: "d"}},
		}
	})
	declared := []v1.WorkspaceDeclaration{
		{Name: "empty"}, {Name: "claim", ReadOnly: true}, {Name: "template"}, {Name: "config", MountPath: "/etc/c"}, {Name: "secret"},
		{Name: "projected"}, {Name: "csi"}, {Name: "absent", Optional: true},
	}
	cases := map[string]struct {
		reason string
		in     Input
	}{
		"steps": {
			reason: "a step knows what it gets from earlier ones, how long it may take, and where its output goes; " +
				"it can write its own directory only",
			in: input(steps(), references),
		},
		"steps-carrier": {
			reason: "results of steps are carried from where they lie",
			in:     input(steps(), references, otherMethod),
		},
		"sidecar-fields": {
			reason: "a sidecar has every field that it says, and its own words where it has some",
			in: input(v1.TaskSpec{
				Workspaces: []v1.WorkspaceDeclaration{{Name: "shared"}}, Steps: []v1.Step{command("one", "true")},
				Sidecars: []v1.Sidecar{everyField(), {Image: "i"}}, Volumes: []corev1.Volume{{Name: "data"}, {Name: "disk"}},
			}, run(func(tr *v1.TaskRunSpec) {
				tr.Workspaces = []v1.WorkspaceBinding{{Name: "shared", EmptyDir: &corev1.EmptyDirVolumeSource{}}}
			})),
		},
		"workspace-sources": {
			reason: "a workspace is whatever volume the run gives",
			in:     input(v1.TaskSpec{Workspaces: declared, Steps: []v1.Step{command("one", "true")}}, boundEverything),
		},
		"workspace-isolated": {
			reason: "a workspace that somebody lists is mounted there only, where it is wanted; others everywhere",
			in: input(v1.TaskSpec{
				Workspaces: []v1.WorkspaceDeclaration{{Name: "key"}, {Name: "source"}},
				Steps: []v1.Step{
					{Name: "one", Image: "i", Command: []string{"a"}, Workspaces: []v1.WorkspaceUsage{{Name: "key", MountPath: "/key"}}},
					command("two", "b"),
				},
				Sidecars: []v1.Sidecar{{Name: "s", Image: "i", Workspaces: []v1.WorkspaceUsage{{Name: "key"}}}, {Name: "t", Image: "i"}},
			}, run(func(tr *v1.TaskRunSpec) {
				tr.Workspaces = []v1.WorkspaceBinding{
					{Name: "key", Secret: &corev1.SecretVolumeSource{SecretName: "k"}},
					{Name: "source", EmptyDir: &corev1.EmptyDirVolumeSource{}},
				}
			})),
		},
		"pod-template": {
			reason: "what the run says of the pod is merged over what the installation says, and its variables win over the task's",
			in: input(oneStep(func(s *v1.Step) { s.Env = []corev1.EnvVar{{Name: "A", Value: "task"}, {Name: "B", Value: "$(A)"}} }),
				podTemplates),
		},
		"credentials": {
			reason: "secrets that are annotated are made ready in each step, by its user, and others are not there",
			in: input(v1.TaskSpec{Steps: []v1.Step{command("one", "true"), command("two", "true")}}, func(in *Input) {
				in.Credentials = []corev1.Secret{
					secret("ignored", corev1.SecretTypeOpaque, "tekton.dev/git-0", "https://x"),
					secret("basic", corev1.SecretTypeBasicAuth, "tekton.dev/git-1", "https://b.example",
						"tekton.dev/git-0", "https://a.example/$x", "tekton.dev/docker-0", "https://r.example"),
					secret("key", corev1.SecretTypeSSHAuth, "tekton.dev/git-0", "git.example:2222"),
					secret("unused", corev1.SecretTypeSSHAuth),
					secret("config", corev1.SecretTypeDockerConfigJson), secret("cfg", corev1.SecretTypeDockercfg),
				}
			}),
		},
		"restricted": {
			reason: "on request every container satisfies Pod Security restricted, and has a read-only file system",
			in: input(v1.TaskSpec{
				Steps: []v1.Step{command("plain", "true"), {
					Name:            "own",
					Image:           "i",
					Command:         []string{"x"},
					SecurityContext: &corev1.SecurityContext{RunAsUser: new(int64(0)), ReadOnlyRootFilesystem: new(false)},
				}},
				Sidecars: []v1.Sidecar{{Name: "s", Image: "i", SecurityContext: &corev1.SecurityContext{Privileged: new(true)}}},
			}, func(in *Input) { in.Settings = Settings{SecurityContext: true, ReadOnlyRootFilesystem: true} }),
		},
		"debug": {
			reason: "a step that is to be held finds the commands to answer with",
			in: input(v1.TaskSpec{Steps: []v1.Step{command("one", "true"), command("two", "true")}}, run(func(tr *v1.TaskRunSpec) {
				tr.Debug = &v1.TaskRunDebug{Breakpoints: &v1.TaskBreakpoints{OnFailure: "enabled", BeforeSteps: []string{"two"}}}
			})),
		},
		"retry": {
			reason: "the pod of a later attempt has a name of its own",
			in:     input(oneStep(func(*v1.Step) {}), func(in *Input) { in.Retry = 2 }),
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) { golden(t, name, tc.reason, tc.in) })
	}
}

// podTemplates are one that says everything, and one below it that says other things.
func podTemplates(in *Input) {
	in.Settings.PodTemplate = &v1.PodTemplate{
		NodeSelector: map[string]string{"default": "yes"}, SchedulerName: "default", PriorityClassName: new("default"),
		Env:     []corev1.EnvVar{{Name: "D", Value: "default"}, {Name: "R", Value: "default"}},
		Volumes: []corev1.Volume{emptyDir("default"), emptyDir("both")}, HostUsers: new(false),
		Tolerations: []corev1.Toleration{{Key: "default"}},
	}
	in.TaskRun.Spec.PodTemplate = &v1.PodTemplate{
		NodeSelector: map[string]string{"disk": "ssd"}, Env: []corev1.EnvVar{{Name: "R", Value: "run"}, {Name: "A", Value: "run"}},
		Affinity:         &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{}},
		SecurityContext:  &corev1.PodSecurityContext{RunAsUser: new(int64(1001)), RunAsNonRoot: new(true), FSGroup: new(int64(5))},
		Volumes:          []corev1.Volume{{Name: "both", VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/x"}}}},
		RuntimeClassName: new("gvisor"), AutomountServiceAccountToken: new(false), DNSPolicy: new(corev1.DNSNone),
		DNSConfig: &corev1.PodDNSConfig{Nameservers: []string{"1.1.1.1"}}, EnableServiceLinks: new(false), PriorityClassName: new("high"),
		ImagePullSecrets:          []corev1.LocalObjectReference{{Name: "pull"}},
		HostAliases:               []corev1.HostAlias{{IP: "10.0.0.1", Hostnames: []string{"h"}}},
		HostNetwork:               true,
		TopologySpreadConstraints: []corev1.TopologySpreadConstraint{{MaxSkew: 1, TopologyKey: "zone"}},
	}
}
