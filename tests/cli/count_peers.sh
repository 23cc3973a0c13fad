# what ptflops 0.7.5 and deepspeed's profiler print for torchvision's networks (docs/conventions.md)
for model in resnet18 resnet50 alexnet mobilenet_v2; do
    for tool in ptflops deepspeed; do
        "$FLOPWISE" count models/$model.onnx --infer --convention $tool --format json >out.json
        python3 - <<'END'
import json
answer = json.load(open("out.json", encoding="utf-8"))
print(answer["model"]["path"], answer["convention"]["name"], answer["convention"]["forward"])
END
    done
done
