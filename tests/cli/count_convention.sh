"$FLOPWISE" count models/resnet18.onnx --convention torch --top 3 --infer
# a tool that has no rule for gradients gives no number for a step
"$FLOPWISE" count models/resnet18.onnx --convention thop --format json |
    jq -c '.convention | [.forward, .training_step]'
