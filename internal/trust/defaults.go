package trust

import v1 "github.com/sluice-ci/sluice/api/v1"

// The functions of this file set the defaults that Tekton's controller sets before it verifies a signature (SetDefaults in its
// package pkg/apis/pipeline/v1): no others, because the text with the defaults is what was signed.

func (s *taskSpec) setDefaults() {
	for i := range s.Params {
		s.Params[i].setDefaults()
	}
	for i := range s.Results {
		r := &s.Results[i]
		r.Type = typeOr(r.Type, r.Properties)
		setPropertyDefaults(r.Properties)
	}
}

func (s *pipelineSpec) setDefaults() {
	for i := range s.Params {
		s.Params[i].setDefaults()
	}
	for _, tasks := range [][]pipelineTask{s.Tasks, s.Finally} {
		for i := range tasks {
			if ref := tasks[i].TaskRef; ref != nil && ref.Kind == "" && ref.Resolver == "" {
				ref.Kind = v1.KindTask
			}
			if tasks[i].TaskSpec != nil {
				(*taskSpec)(&tasks[i].TaskSpec.taskFields).setDefaults()
			}
		}
	}
}

func (s *stepActionSpec) setDefaults() {
	for i := range s.Params {
		s.Params[i].setDefaults()
	}
	for i := range s.Results {
		r := &s.Results[i]
		r.Type = typeOr(r.Type, r.Properties)
		setPropertyDefaults(r.Properties)
	}
}

func (p *paramSpec) setDefaults() {
	if p.Type == "" && p.Properties == nil && p.Default != nil {
		p.Type = p.Default.Type
	}
	p.Type = typeOr(p.Type, p.Properties)
	setPropertyDefaults(p.Properties)
}

// typeOr returns the type; if there is none, object for a value with properties, and string for all others.
func typeOr(given v1.ValueType, properties map[string]v1.PropertySpec) v1.ValueType {
	switch {
	case given != "":
		return given
	case properties != nil:
		return v1.TypeObject
	default:
		return v1.TypeString
	}
}

func setPropertyDefaults(properties map[string]v1.PropertySpec) {
	for key, property := range properties {
		if property.Type == "" {
			properties[key] = v1.PropertySpec{Type: v1.TypeString}
		}
	}
}
