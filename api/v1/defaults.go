package v1

// SetDefaults fills in what the task leaves out and what follows from the rest of it. It can be called again without
// changing anything. Names of steps stay empty: a step without a name has none, only its container does. A sidecar without
// one is called by its index, unnamed-0 and so on.
func (s *TaskSpec) SetDefaults() {
	setParamDefaults(s.Params)
	for i := range s.Results {
		s.Results[i].SetDefaults()
	}
	for i := range s.Steps {
		for j := range s.Steps[i].Results {
			s.Steps[i].Results[j].SetDefaults()
		}
	}
	for i := range s.Sidecars {
		s.Sidecars[i].Name = suffix(s.Sidecars[i].Name, i)
	}
}

// SetDefaults fills in what the pipeline and the tasks written out in it leave out. It can be called again without
// changing anything.
func (s *PipelineSpec) SetDefaults() {
	setParamDefaults(s.Params)
	for _, list := range s.lists() {
		for i := range list.tasks {
			t := &list.tasks[i]
			if t.TaskRef != nil {
				t.TaskRef.SetDefaults()
			}
			if t.TaskSpec != nil {
				t.TaskSpec.SetDefaults()
			}
		}
	}
}

// Default fills in what the task leaves out.
func (t *Task) Default() { t.Spec.SetDefaults() }

// Default fills in what the pipeline leaves out.
func (p *Pipeline) Default() { p.Spec.SetDefaults() }

// Default fills in what the run leaves out. A run that has ended is a record, and stays as it is.
func (r *TaskRun) Default() {
	if !r.Status.Done() {
		r.Spec.SetDefaults()
	}
}

// Default fills in what the run leaves out. A run that has ended is a record, and stays as it is.
func (r *PipelineRun) Default() {
	if !r.Status.Done() {
		r.Spec.SetDefaults()
	}
}

// SetDefaults fills in what the run leaves out. The timeout is not among it: its default is a setting of the
// installation.
func (s *TaskRunSpec) SetDefaults() {
	if s.TaskRef != nil {
		s.TaskRef.SetDefaults()
	}
	if s.TaskSpec != nil {
		s.TaskSpec.SetDefaults()
	}
}

// SetDefaults fills in what the run leaves out. The timeouts are not among it: their defaults are a setting of the
// installation.
func (s *PipelineRunSpec) SetDefaults() {
	if s.PipelineSpec != nil {
		s.PipelineSpec.SetDefaults()
	}
}

// SetDefaults makes the kind Task where none is given, but for a reference through a resolver, which finds what there
// is.
func (t *TaskRef) SetDefaults() {
	if t.Kind == "" && t.Resolver == "" {
		t.Kind = KindTask
	}
}

// SetDefaults infers the type where none is given: that of the default value, else object when properties are given,
// else string.
func (p *ParamSpec) SetDefaults() {
	if p.Type == "" {
		p.Type = inferType(p.Default, p.Properties)
	}
	setPropertyDefaults(p.Properties)
}

// SetDefaults infers the type where none is given: object when properties are given, else string.
func (r *TaskResult) SetDefaults() {
	if r.Type == "" {
		r.Type = inferType(nil, r.Properties)
	}
	setPropertyDefaults(r.Properties)
}

// SetDefaults infers the type where none is given: object when properties are given, else string.
func (r *StepResult) SetDefaults() {
	r.Type = r.valueType()
	setPropertyDefaults(r.Properties)
}

func setParamDefaults(params []ParamSpec) {
	for i := range params {
		params[i].SetDefaults()
	}
}

func inferType(value *Value, properties map[string]PropertySpec) ValueType {
	switch {
	case value != nil && value.Type != "":
		return value.Type
	case len(properties) > 0:
		return TypeObject
	default:
		return TypeString
	}
}

func setPropertyDefaults(properties map[string]PropertySpec) {
	for key, property := range properties {
		if property.Type == "" {
			properties[key] = PropertySpec{Type: TypeString}
		}
	}
}
