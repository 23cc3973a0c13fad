# torchvision's layouts with 10 classes in the limit of a large batch
for net in resnet18 resnet34 resnet50 resnet101 resnet152 vgg11 vgg13 vgg16 vgg19; do
    "$FLOPWISE" ratio zoo:$net,classes=10 | sed -n "s/^in the limit  /$net /p"
done
