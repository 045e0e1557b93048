// Package plan makes the plan of moving a cluster from Tekton to Sluice. Observe reads the cluster and changes nothing, Of computes
// the plan from what was read, and Markdown prints it.
package plan

// maxNames is how many names a list shows. The others are counted.
const maxNames = 5

// Facts is what was read of a cluster. All lists are sorted.
type Facts struct {
	// Kubernetes is the version of the cluster.
	Kubernetes string `json:"kubernetes"`
	// Components are the programs of Tekton, and its clients.
	Components []Component `json:"components"`
	// Kinds are the kinds of tekton.dev and resolution.tekton.dev.
	Kinds []Kind `json:"kinds"`
	// Webhooks are the webhooks that are called for these kinds.
	Webhooks []Webhook `json:"webhooks"`
	// Settings are the keys of the ConfigMaps of Tekton.
	Settings []Setting `json:"settings"`
	// Resolvers are the types of the resolvers that requests name.
	Resolvers []Counted `json:"resolvers"`
	// CustomTasks are the kinds of custom tasks that runs name.
	CustomTasks []Counted `json:"customTasks"`
	// Policies restrict what users may run.
	Policies []Counted `json:"policies"`
	// Unread is what could not be read.
	Unread []Gap `json:"unread"`
}

// Component is a program: Tekton itself, or a client of it.
type Component struct {
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
	// Version and From: where the version was found. Both are empty if it is unknown.
	Version string `json:"version,omitempty"`
	From    string `json:"from,omitempty"`
	// Deployments are the names of its Deployments, with "(0 replicas)" for those that are scaled down.
	Deployments []string `json:"deployments"`
	// Effect says what the move means for it.
	Effect string `json:"effect"`
	// part is the value of the label app.kubernetes.io/part-of.
	part string
}

// Kind is a CustomResourceDefinition with its objects.
type Kind struct {
	CRD string `json:"crd"`
	// Served are the versions that clients can use. Storage is the one that is written. Stored are the versions in which
	// objects can be stored.
	Served  []string `json:"served"`
	Storage string   `json:"storage"`
	Stored  []string `json:"stored"`
	// Conversion: a webhook converts between the versions.
	Conversion bool `json:"conversionWebhook"`
	// Owner is the label app.kubernetes.io/part-of.
	Owner string `json:"partOf,omitempty"`
	// Objects is the number of objects; -1 if it is unknown.
	Objects int `json:"objects"`
	// Unfinished has, for kinds of runs, the number and the names of the runs that have not ended.
	Unfinished *Counted `json:"unfinished,omitempty"`
}

// Webhook is an entry of a webhook configuration.
type Webhook struct {
	Type          string `json:"type"`
	Configuration string `json:"configuration"`
	Service       string `json:"service"`
}

// Standing is what a setting does in Sluice.
type Standing string

// The values of Standing.
const (
	ActedOn   Standing = "acted on"
	Same      Standing = "the same"
	Different Standing = "different"
	Security  Standing = "different (security)"
	NotKnown  Standing = "not known"
	Invalid   Standing = "invalid"
)

// Setting is a key of a ConfigMap.
type Setting struct {
	Namespace string   `json:"namespace"`
	ConfigMap string   `json:"configMap"`
	Key       string   `json:"key"`
	Standing  Standing `json:"standing"`
	// Text says why it is not acted on.
	Text string `json:"text,omitempty"`
}

// Counted is a number of objects with the first names.
type Counted struct {
	Name    string   `json:"name"`
	Objects int      `json:"objects"`
	First   []string `json:"first,omitempty"`
}

// Gap is something that could not be read.
type Gap struct {
	What string `json:"what"`
	// Right is the missing right; empty if the cause is another one.
	Right string `json:"right,omitempty"`
	Cause string `json:"cause"`
}
