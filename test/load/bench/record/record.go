// Package record is the file format of measurements. It holds every measured time, so that tables and plots can be created
// later, and several runs of the benchmark can be combined.
package record

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/sluice-ci/sluice/test/load/bench/load"
)

// File is one run of the benchmark, or several.
type File struct {
	// When it started, and its environment.
	When    time.Time `json:"when"`
	Machine Machine   `json:"machine"`
	Batches []Batch   `json:"batches"`
}

// Machine describes the machine.
type Machine struct {
	Processors int    `json:"processors"`
	Memory     int64  `json:"memory"`
	Kubernetes string `json:"kubernetes"`
	Runtime    string `json:"runtime"`
	// Controller is the image of the controller.
	Controller string `json:"controller"`
}

// Batch holds the measurements of one batch.
type Batch struct {
	Row  load.Row `json:"row"`
	Mode string   `json:"mode"`
	// Wall is the time from the first creation until the last run was done, in seconds.
	Wall float64 `json:"wall"`
	// Machine is the processor time of the whole machine, and Controller that of the controller alone, until the last pod had
	// ended, in seconds; 0 if unknown.
	Machine    float64 `json:"machineProcessor"`
	Controller float64 `json:"controllerProcessor"`
	// Peak is the controller's peak resident memory, in bytes; 0 if unknown.
	Peak int64 `json:"peak"`
	// Calls are the controller's requests to the API server by method, as it counts them.
	Calls map[string]int `json:"calls,omitempty"`
	// Dispatched is the number of requests of service accounts, which are those of controllers.
	Dispatched int `json:"dispatched,omitempty"`
	// API is the number of requests of all clients that the API server answered, by verb and resource.
	API map[string]int `json:"api,omitempty"`
	// LogBytes is the number of bytes that all containers of one pod have logged: the mean of a few pods.
	LogBytes int `json:"logBytes,omitempty"`
	// Runs are the TaskRuns, or the bare pods.
	Runs []Run `json:"runs"`
	// Pipelines are the times of the PipelineRuns from before their creation until they were observed to be done, in seconds.
	Pipelines []float64 `json:"pipelines,omitempty"`
	// Held is set for rows that keep their runs.
	Held *Held `json:"held,omitempty"`
	// Hostile is set for rows that send hostile objects.
	Hostile *Hostile `json:"hostile,omitempty"`
}

// Run holds the times of a TaskRun or a bare pod, in seconds since before its creation. For a TaskRun of a PipelineRun they
// count from its first observation. A time that was not observed is 0.
type Run struct {
	// Pod is the first observation of its pod, and Scheduled the first observation of the pod with a node.
	Pod       float64 `json:"pod,omitempty"`
	Scheduled float64 `json:"scheduled,omitempty"`
	// Started and Ended are the times of the first step's first line and the last step's last line.
	Started float64 `json:"started,omitempty"`
	Ended   float64 `json:"ended,omitempty"`
	// Line is the time at which the first line of the last container reached a reader of its log.
	Line float64 `json:"line,omitempty"`
	// Done is the first observation that the run was done, PodEnded that its pod was.
	Done     float64 `json:"done,omitempty"`
	PodEnded float64 `json:"podEnded,omitempty"`
	// Hops are further times, by name, if they were observed.
	Hops map[string]float64 `json:"hops,omitempty"`
}

// Names of hops that the kubelet reports, and of those that only a second reader of the log can observe.
const (
	// Sandbox is the creation of the pod's sandbox. FirstContainer and LastContainer are the starts of these containers.
	Sandbox        = "sandbox"
	FirstContainer = "first-container"
	LastContainer  = "last-container"
	// Logged is the time of the sidecar's last line in its log. Arrived is the time at which it reached a reader of the log.
	Logged  = "logged"
	Arrived = "arrived"
)

// Held is what the controller needs for finished runs. All sizes are in bytes.
type Held struct {
	Runs int `json:"runs"`
	// Resident is its memory some time after the last run. RestartPeak and RestartResident are those of a controller that was
	// started while the runs existed.
	Resident        int64 `json:"resident"`
	RestartPeak     int64 `json:"restartPeak"`
	RestartResident int64 `json:"restartResident"`
}

// Hostile is the outcome of hostile objects, and of the run that another tenant sent at the same time.
type Hostile struct {
	Objects []HostileObject `json:"objects"`
	// Admitted is the time in which the API server admitted the tenant's run. Done is the time from its creation until it was
	// observed to have succeeded. Both are in seconds.
	Admitted float64 `json:"admitted"`
	Done     float64 `json:"done"`
	// Flood is the reason of a valid run that ended because one of its tasks needs FloodBytes of results.
	Flood      string `json:"flood"`
	FloodBytes int    `json:"floodBytes"`
}

// HostileObject is one hostile object.
type HostileObject struct {
	// Name of its kind, and What describes it.
	Name string `json:"name"`
	What string `json:"what"`
	// Bytes of its JSON.
	Bytes int `json:"bytes"`
	// Webhooks is the part of the answer Alone in which the API server waited for the controller, in seconds. The rest is the
	// API server's own work.
	Webhooks float64 `json:"webhooks"`
	// Bare is the answer to a dry run of an object with the same bytes, of a kind without a schema and without webhooks. That is the
	// least for any controller.
	Bare Answer `json:"bare"`
	// Alone is the answer to a dry run without other requests. DryRun is the answer to dry runs of all objects at once.
	// Create is the answer when all are stored at once.
	Alone  Answer `json:"alone"`
	DryRun Answer `json:"dryRun"`
	Create Answer `json:"create"`
}

// Answer is the API server's answer to an object.
type Answer struct {
	// Seconds until the answer.
	Seconds float64 `json:"seconds"`
	// Refused is the beginning of the refusal; empty if the object was admitted.
	Refused string `json:"refused,omitempty"`
	// Unanswered means that there was no decision: a webhook did not answer in time, or the connection broke.
	Unanswered bool `json:"unanswered,omitempty"`
}

// Verdict returns the answer in one word.
func (a Answer) Verdict() string {
	switch {
	case a.Unanswered:
		return "no answer"
	case a.Refused != "":
		return "refused"
	default:
		return "admitted"
	}
}

// Write writes the file.
func (f *File) Write(path string) error {
	data, err := json.MarshalIndent(f, "", " ")
	if err != nil {
		return fmt.Errorf("cannot write measurements: %w", err)
	}
	if err := os.WriteFile(path, append(data, '\n'), 0o644); err != nil {
		return fmt.Errorf("cannot write measurements: %w", err)
	}
	return nil
}

// Read reads files and merges them, with the time and machine of the last.
func Read(paths ...string) (*File, error) {
	all := &File{}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("cannot read measurements: %w", err)
		}
		var one File
		if err := json.Unmarshal(data, &one); err != nil {
			return nil, fmt.Errorf("cannot read measurements %q: %w", path, err)
		}
		all.When, all.Machine, all.Batches = one.When, one.Machine, append(all.Batches, one.Batches...)
	}
	return all, nil
}
