package bundle

import (
	"cmp"
	"strings"
)

// released is set by the linker when a release is built: PROGRAM=REFERENCE, separated by commas.
var released string //nolint:gochecknoglobals // the linker can only set package variables

// Images has references to images. An empty one is unknown.
type Images struct {
	Controller, Inpod, Resolvers string
}

// Released returns the images of the release that this program belongs to; empty ones if it belongs to none.
func Released() Images { return parseReleased(released) }

// parseReleased reads the text from the linker.
func parseReleased(text string) Images {
	var images Images
	for entry := range strings.SplitSeq(text, ",") {
		program, reference, _ := strings.Cut(entry, "=")
		switch program {
		case "controller":
			images.Controller = reference
		case "inpod":
			images.Inpod = reference
		case "resolvers":
			images.Resolvers = reference
		}
	}
	return images
}

// Or returns the images, with the unknown ones from others.
func (i Images) Or(others Images) Images {
	return Images{
		Controller: cmp.Or(i.Controller, others.Controller),
		Inpod:      cmp.Or(i.Inpod, others.Inpod),
		Resolvers:  cmp.Or(i.Resolvers, others.Resolvers),
	}
}

// Images returns the images of the choice.
func (c Choice) Images() Images { return Images{c.Controller, c.Inpod, c.Resolvers} }

// WithImages returns the choice with these images.
func (c Choice) WithImages(images Images) Choice {
	c.Controller, c.Inpod, c.Resolvers = images.Controller, images.Inpod, images.Resolvers
	return c
}
