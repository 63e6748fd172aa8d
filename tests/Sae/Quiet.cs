using Prisma.Sae;

namespace Prisma.Tests.Sae;

/// <summary>Listens to no run.</summary>
internal sealed class Quiet : ITrainSink
{
    public void Measured(TrainMeasurement measurement) => Assert.InRange(measurement.Dead, 0, 1);

    public void Warned(string coder, long step, string warning) => Assert.NotEmpty(warning);
}
