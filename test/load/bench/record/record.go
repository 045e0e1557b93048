// Package record is what was measured, as it is kept in a file: every single time, so that tables and plots can be made
// again, and several runs of the benchmark can be told as one.
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
	// When it was begun, and what it ran on.
	When    time.Time `json:"when"`
	Machine Machine   `json:"machine"`
	Batches []Batch   `json:"batches"`
}

// Machine is what was measured on.
type Machine struct {
	Processors int    `json:"processors"`
	Memory     int64  `json:"memory"`
	Kubernetes string `json:"kubernetes"`
	Runtime    string `json:"runtime"`
	// Controller is the image that was measured.
	Controller string `json:"controller"`
}

// Batch is what was measured in one go.
type Batch struct {
	Row  load.Row `json:"row"`
	Mode string   `json:"mode"`
	// Wall is the time from the first creation until the last was done, in seconds.
	Wall float64 `json:"wall"`
	// Machine is the processor time of everything on the machine, and Controller that of the controller alone, until the
	// last pod had ended, in seconds; 0 where it is not known.
	Machine    float64 `json:"machineProcessor"`
	Controller float64 `json:"controllerProcessor"`
	// Peak is the most memory that the controller had resident meanwhile, in bytes; 0 where it is not known.
	Peak int64 `json:"peak"`
	// Calls are the controller's requests to the API server by method, as it counts them itself.
	Calls map[string]int `json:"calls,omitempty"`
	// Dispatched is how many requests of service accounts the API server took, which are those of controllers.
	Dispatched int `json:"dispatched,omitempty"`
	// API is how many requests the API server answered, by verb and resource, whoever sent them.
	API map[string]int `json:"api,omitempty"`
	// LogBytes is how much all containers of one pod have logged, in bytes: the mean of a few pods.
	LogBytes int `json:"logBytes,omitempty"`
	// Runs are the TaskRuns, or the bare pods.
	Runs []Run `json:"runs"`
	// Pipelines are the times of the PipelineRuns from before their creation until they were seen to be done, in seconds.
	Pipelines []float64 `json:"pipelines,omitempty"`
	// Held is there for rows that keep their runs.
	Held *Held `json:"held,omitempty"`
	// Hostile is there for rows that send hostile objects.
	Hostile *Hostile `json:"hostile,omitempty"`
}

// Run is when what happened to a TaskRun or a bare pod, in seconds since before its creation; since it was first seen, for
// a TaskRun of a PipelineRun. What was not seen is 0.
type Run struct {
	// Pod is when its pod was seen, and Scheduled when it was seen to have a node.
	Pod       float64 `json:"pod,omitempty"`
	Scheduled float64 `json:"scheduled,omitempty"`
	// Started and Ended are when the first step printed its first line and the last step its last.
	Started float64 `json:"started,omitempty"`
	Ended   float64 `json:"ended,omitempty"`
	// Line is when the first line of the last container reached a reader of its log.
	Line float64 `json:"line,omitempty"`
	// Done is when the run was seen to be done, PodEnded when its pod was.
	Done     float64 `json:"done,omitempty"`
	PodEnded float64 `json:"podEnded,omitempty"`
	// Hops are further moments on the way, by name, where they were looked at.
	Hops map[string]float64 `json:"hops,omitempty"`
}

// Names of hops that the kubelet tells, and of those that only a reader beside the controller knows.
const (
	// Sandbox is when the pod's sandbox was there, FirstContainer and LastContainer when these containers were started.
	Sandbox        = "sandbox"
	FirstContainer = "first-container"
	LastContainer  = "last-container"
	// Logged is when the sidecar's last line was in its log, and Arrived when it had reached a reader of the log.
	Logged  = "logged"
	Arrived = "arrived"
)

// Held is what the controller needs for runs that have ended. All sizes are in bytes.
type Held struct {
	Runs int `json:"runs"`
	// Resident is its memory a while after the last of them; RestartPeak and RestartResident are those of a controller that
	// was started with the runs there.
	Resident        int64 `json:"resident"`
	RestartPeak     int64 `json:"restartPeak"`
	RestartResident int64 `json:"restartResident"`
}

// Hostile is what became of hostile objects, and of the run that another tenant sent while they were judged.
type Hostile struct {
	Objects []HostileObject `json:"objects"`
	// Admitted is how long the API server took to admit the tenant's run, and Done how long after its creation it was seen
	// to have succeeded, in seconds.
	Admitted float64 `json:"admitted"`
	Done     float64 `json:"done"`
	// Flood is the reason with which a valid run ended one of whose tasks takes FloodBytes of results of others.
	Flood      string `json:"flood"`
	FloodBytes int    `json:"floodBytes"`
}

// HostileObject is one hostile object.
type HostileObject struct {
	// Name of its kind, and What it consists of.
	Name string `json:"name"`
	What string `json:"what"`
	// Bytes of its JSON.
	Bytes int `json:"bytes"`
	// Webhooks is how much of the answer Alone the API server waited for the controller, in seconds; the rest is its own work.
	Webhooks float64 `json:"webhooks"`
	// Alone is the answer when it is judged and nothing else is, DryRun the one when all are judged at once, and Create the
	// one when all are to be stored at once.
	Alone  Answer `json:"alone"`
	DryRun Answer `json:"dryRun"`
	Create Answer `json:"create"`
}

// Answer is what the API server says to an object.
type Answer struct {
	// Seconds until it came.
	Seconds float64 `json:"seconds"`
	// Refused is the beginning of why the object was refused; empty when it was admitted.
	Refused string `json:"refused,omitempty"`
	// Unanswered says that nobody judged the object: a webhook did not answer in time, or the connection broke.
	Unanswered bool `json:"unanswered,omitempty"`
}

// Verdict is the answer in a word.
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

// Read reads files and returns them as one, under the time and machine of the last.
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
