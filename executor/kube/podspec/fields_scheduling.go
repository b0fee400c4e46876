package podspec

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
)

type nodeSelector struct {
	Labels           map[string]string `json:"labels"`
	NodeSelectorJSON *parameter        `json:"nodeSelectorJson"`
}

func (s *shaper) selectNodes(from *nodeSelector) error {
	labels := from.Labels
	if from.NodeSelectorJSON != nil {
		value := from.NodeSelectorJSON.value()
		if value == nil {
			return nil
		}
		labels = nil
		if json.Unmarshal(value, &labels) != nil {
			return fmt.Errorf("nodeSelectorJson must be an object of texts, the labels of nodes, not %s", shown(string(value)))
		}
	}
	if err := checkLabels(labels); err != nil {
		return err
	}
	if len(labels) > 0 {
		s.pod.Spec.NodeSelector = labels
	}
	return nil
}

func checkLabels(labels map[string]string) error {
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		if len(validation.IsQualifiedName(key)) > 0 {
			return fmt.Errorf("%s cannot be the key of a label: keys are like example.com/name, of letters, digits, \"-\", "+
				"\"_\" and \".\"", shown(key))
		}
		if len(validation.IsValidLabelValue(labels[key])) > 0 {
			return fmt.Errorf("%s cannot be the value of the label %s: values have up to 63 letters, digits, \"-\", \"_\" and "+
				"\".\", and begin and end with a letter or a digit", shown(labels[key]), shown(key))
		}
	}
	return nil
}

type tolerationFields struct {
	Key               string   `json:"key"`
	Operator          string   `json:"operator"`
	Value             string   `json:"value"`
	Effect            string   `json:"effect"`
	TolerationSeconds *integer `json:"tolerationSeconds"`
}

type toleration struct {
	tolerationFields
	TolerationJSON *parameter `json:"tolerationJson"`
}

func (s *shaper) tolerate(from *toleration) error {
	if from.TolerationJSON == nil {
		return s.addToleration(from.tolerationFields)
	}
	value := from.TolerationJSON.value()
	if value == nil {
		return nil
	}
	tidied, err := tidy(value, nil)
	if err != nil {
		return fmt.Errorf("tolerationJson: %v", err)
	}
	items := []json.RawMessage{tidied}
	if tidied[0] == '[' {
		if err := json.Unmarshal(tidied, &items); err != nil {
			return err
		}
	}
	for _, item := range items {
		var one tolerationFields
		if item[0] != '{' {
			return fmt.Errorf("tolerationJson must be a toleration, which is an object, or a list of them, not %s",
				shown(string(value)))
		}
		if err := strictly(item, &one); err != nil {
			return fmt.Errorf("tolerationJson: %v", err)
		}
		if err := s.addToleration(one); err != nil {
			return fmt.Errorf("tolerationJson: %v", err)
		}
	}
	return nil
}

func (s *shaper) addToleration(from tolerationFields) error {
	if from == (tolerationFields{}) {
		return nil
	}
	added := corev1.Toleration{Key: from.Key, Operator: corev1.TolerationOperator(from.Operator), Value: from.Value,
		Effect: corev1.TaintEffect(from.Effect), TolerationSeconds: (*int64)(from.TolerationSeconds)}
	switch {
	case from.Key != "" && len(validation.IsQualifiedName(from.Key)) > 0:
		return fmt.Errorf("key is %s, which cannot be the key of a taint", shown(from.Key))
	case from.Key == "" && from.Operator != "Exists":
		return fmt.Errorf("key is empty, which tolerates each taint; then operator must be Exists, not %s",
			shown(from.Operator))
	case from.Operator == "Exists" && from.Value != "":
		return fmt.Errorf("operator is Exists, for each value; then value must be left out, not be %s", shown(from.Value))
	case from.TolerationSeconds != nil && from.Effect != "NoExecute":
		return fmt.Errorf("tolerationSeconds makes sense only if effect is NoExecute, not %s", shown(from.Effect))
	}
	if from.Effect != "" {
		if err := oneOf("effect", from.Effect, "NoSchedule", "PreferNoSchedule", "NoExecute"); err != nil {
			return err
		}
	}
	if from.Operator != "" {
		if err := oneOf("operator", from.Operator, "Equal", "Exists", "Lt", "Gt"); err != nil {
			return err
		}
	}
	s.pod.Spec.Tolerations = append(s.pod.Spec.Tolerations, added)
	return nil
}

type requirement struct {
	Key      string   `json:"key"`
	Operator string   `json:"operator"`
	Values   []string `json:"values"`
}

type nodeAffinityTerm struct {
	MatchExpressions []requirement `json:"matchExpressions"`
	MatchFields      []requirement `json:"matchFields"`
	Weight           *integer      `json:"weight"`
	NodeAffinityJSON *parameter    `json:"nodeAffinityJson"`
}

func (s *shaper) preferNodes(from *nodeAffinityTerm) error {
	if from.NodeAffinityJSON != nil {
		return s.preferNodesOf(from.NodeAffinityJSON.value())
	}
	var term corev1.NodeSelectorTerm
	for _, one := range from.MatchExpressions {
		term.MatchExpressions = append(term.MatchExpressions, one.ofNodes())
	}
	for _, one := range from.MatchFields {
		term.MatchFields = append(term.MatchFields, one.ofNodes())
	}
	if len(term.MatchExpressions) == 0 && len(term.MatchFields) == 0 {
		return nil
	}
	if from.Weight == nil {
		return s.addNodeTerms([]corev1.NodeSelectorTerm{term}, nil)
	}
	weight, err := weightOf(from.Weight)
	if err != nil {
		return err
	}
	return s.addNodeTerms(nil, []corev1.PreferredSchedulingTerm{{Weight: weight, Preference: term}})
}

// preferNodesOf takes a NodeAffinity as Kubernetes has it.
func (s *shaper) preferNodesOf(value json.RawMessage) error {
	if value == nil {
		return nil
	}
	if value[0] != '{' {
		return fmt.Errorf("nodeAffinityJson must be a NodeAffinity of Kubernetes, which is an object, not %s",
			shown(string(value)))
	}
	tidied, err := tidy(value, nil)
	if err != nil {
		return fmt.Errorf("nodeAffinityJson: %v", err)
	}
	var affinity corev1.NodeAffinity
	if err := strictly(tidied, &affinity); err != nil {
		return fmt.Errorf("nodeAffinityJson: %v", err)
	}
	var required []corev1.NodeSelectorTerm
	if affinity.RequiredDuringSchedulingIgnoredDuringExecution != nil {
		required = affinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms
	}
	if err := s.addNodeTerms(required, affinity.PreferredDuringSchedulingIgnoredDuringExecution); err != nil {
		return fmt.Errorf("nodeAffinityJson: %v", err)
	}
	return nil
}

func (s *shaper) addNodeTerms(required []corev1.NodeSelectorTerm, preferred []corev1.PreferredSchedulingTerm) error {
	terms := slices.Clone(required)
	for _, one := range preferred {
		if one.Weight < 1 || one.Weight > 100 {
			return fmt.Errorf("weight is %d; it must be between 1 and 100", one.Weight)
		}
		terms = append(terms, one.Preference)
	}
	for _, term := range terms {
		for _, one := range slices.Concat(term.MatchExpressions, term.MatchFields) {
			read := requirement{one.Key, string(one.Operator), one.Values}
			if err := read.check("In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"); err != nil {
				return err
			}
		}
	}
	if len(terms) == 0 {
		return nil
	}
	affinity := s.affinity()
	if affinity.NodeAffinity == nil {
		affinity.NodeAffinity = &corev1.NodeAffinity{}
	}
	nodes := affinity.NodeAffinity
	if len(required) > 0 {
		if nodes.RequiredDuringSchedulingIgnoredDuringExecution == nil {
			nodes.RequiredDuringSchedulingIgnoredDuringExecution = &corev1.NodeSelector{}
		}
		selector := nodes.RequiredDuringSchedulingIgnoredDuringExecution
		selector.NodeSelectorTerms = append(selector.NodeSelectorTerms, required...)
	}
	nodes.PreferredDuringSchedulingIgnoredDuringExecution = append(nodes.PreferredDuringSchedulingIgnoredDuringExecution,
		preferred...)
	return nil
}

func (s *shaper) affinity() *corev1.Affinity {
	if s.pod.Spec.Affinity == nil {
		s.pod.Spec.Affinity = &corev1.Affinity{}
	}
	return s.pod.Spec.Affinity
}

func weightOf(weight *integer) (int32, error) {
	if *weight < 1 || *weight > 100 {
		return 0, fmt.Errorf("weight is %d; it must be between 1 and 100", *weight)
	}
	return int32(*weight), nil
}

func (r requirement) ofNodes() corev1.NodeSelectorRequirement {
	return corev1.NodeSelectorRequirement{Key: r.Key, Operator: corev1.NodeSelectorOperator(r.Operator), Values: r.Values}
}

func (r requirement) check(operators ...string) error {
	if len(validation.IsQualifiedName(r.Key)) > 0 {
		return fmt.Errorf("key is %s, which cannot be the key of a label", shown(r.Key))
	}
	if err := oneOf("operator", r.Operator, operators...); err != nil {
		return err
	}
	switch r.Operator {
	case "In", "NotIn":
		if len(r.Values) == 0 {
			return fmt.Errorf("operator is %s, for which values must not be empty", r.Operator)
		}
	case "Exists", "DoesNotExist":
		if len(r.Values) > 0 {
			return fmt.Errorf("operator is %s, for which values must be left out, not be %s", r.Operator,
				shown(strings.Join(r.Values, ", ")))
		}
	default:
		if len(r.Values) != 1 {
			return fmt.Errorf("operator is %s, for which values must have one integer, not %d values", r.Operator, len(r.Values))
		}
	}
	return nil
}

type podAffinityTerm struct {
	MatchPodExpressions       []requirement     `json:"matchPodExpressions"`
	MatchPodLabels            map[string]string `json:"matchPodLabels"`
	TopologyKey               string            `json:"topologyKey"`
	Namespaces                []string          `json:"namespaces"`
	MatchNamespaceExpressions []requirement     `json:"matchNamespaceExpressions"`
	MatchNamespaceLabels      map[string]string `json:"matchNamespaceLabels"`
	Weight                    *integer          `json:"weight"`
	Anti                      bool              `json:"anti"`
}

func (s *shaper) preferPods(from *podAffinityTerm) error {
	if len(validation.IsQualifiedName(from.TopologyKey)) > 0 {
		return fmt.Errorf("topologyKey is %s; it must be the key of a label of nodes, such as \"kubernetes.io/hostname\"",
			shown(from.TopologyKey))
	}
	pods, err := selectorOf(from.MatchPodLabels, from.MatchPodExpressions)
	if err != nil {
		return err
	}
	namespaces, err := selectorOf(from.MatchNamespaceLabels, from.MatchNamespaceExpressions)
	if err != nil {
		return err
	}
	term := corev1.PodAffinityTerm{LabelSelector: pods, TopologyKey: from.TopologyKey, Namespaces: from.Namespaces,
		NamespaceSelector: namespaces}
	var required []corev1.PodAffinityTerm
	var preferred []corev1.WeightedPodAffinityTerm
	if from.Weight == nil {
		required = append(required, term)
	} else {
		weight, err := weightOf(from.Weight)
		if err != nil {
			return err
		}
		preferred = append(preferred, corev1.WeightedPodAffinityTerm{Weight: weight, PodAffinityTerm: term})
	}
	s.addPodTerms(from.Anti, required, preferred)
	return nil
}

func (s *shaper) addPodTerms(anti bool, required []corev1.PodAffinityTerm, preferred []corev1.WeightedPodAffinityTerm) {
	affinity := s.affinity()
	if anti {
		if affinity.PodAntiAffinity == nil {
			affinity.PodAntiAffinity = &corev1.PodAntiAffinity{}
		}
		away := affinity.PodAntiAffinity
		away.RequiredDuringSchedulingIgnoredDuringExecution = append(away.RequiredDuringSchedulingIgnoredDuringExecution,
			required...)
		away.PreferredDuringSchedulingIgnoredDuringExecution = append(away.PreferredDuringSchedulingIgnoredDuringExecution,
			preferred...)
		return
	}
	if affinity.PodAffinity == nil {
		affinity.PodAffinity = &corev1.PodAffinity{}
	}
	near := affinity.PodAffinity
	near.RequiredDuringSchedulingIgnoredDuringExecution = append(near.RequiredDuringSchedulingIgnoredDuringExecution,
		required...)
	near.PreferredDuringSchedulingIgnoredDuringExecution = append(near.PreferredDuringSchedulingIgnoredDuringExecution,
		preferred...)
}

// selectorOf is nil if nothing is said.
func selectorOf(labels map[string]string, expressions []requirement) (*metav1.LabelSelector, error) {
	if len(labels) == 0 && len(expressions) == 0 {
		return nil, nil
	}
	if err := checkLabels(labels); err != nil {
		return nil, err
	}
	selector := &metav1.LabelSelector{MatchLabels: labels}
	for _, one := range expressions {
		if err := one.check("In", "NotIn", "Exists", "DoesNotExist"); err != nil {
			return nil, err
		}
		selector.MatchExpressions = append(selector.MatchExpressions, metav1.LabelSelectorRequirement{
			Key: one.Key, Operator: metav1.LabelSelectorOperator(one.Operator), Values: one.Values})
	}
	return selector, nil
}
