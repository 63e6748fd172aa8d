using static TorchSharp.torch;

namespace Prisma.Demo;

/// <summary>Draws a model's input for examples of a split, from a number on, so many of them. The caller disposes it.</summary>
internal delegate Tensor DemoInputs(SceneSplit split, long first, int count);
