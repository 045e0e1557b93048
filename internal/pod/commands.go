package pod

import v1 "github.com/sluice-ci/sluice/api/v1"

// ImageCommand is the command of an image, for a container with neither a command nor a script.
type ImageCommand struct {
	// Image replaces the image of the step or sidecar.
	Image string
	// Command and Args are in the form of a container: Kubernetes expands $(NAME) and replaces $$ by $ in them.
	Command, Args []string
}

// ImageCommands are the commands of images, by the index of the step or the sidecar.
type ImageCommands struct {
	Steps, Sidecars map[int]ImageCommand
}

// applied returns a copy of a task in which the steps and sidecars have the commands of their images.
func (c ImageCommands) applied(spec *v1.TaskSpec) *v1.TaskSpec {
	out := spec.DeepCopy()
	for i, found := range c.Steps {
		s := &out.Steps[i]
		s.Image, s.Command, s.Args = found.Image, found.Command, found.Args
	}
	for i, found := range c.Sidecars {
		s := &out.Sidecars[i]
		s.Image, s.Command, s.Args = found.Image, found.Command, found.Args
	}
	return out
}
