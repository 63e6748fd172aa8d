using Prisma.Engine;

namespace Prisma.Tests;

public sealed class IdleThreadsTests
{
    [Fact]
    public void Libgomp_finds_the_setting_unless_the_user_made_another()
    {
        if (!OperatingSystem.IsLinux() || Environment.GetEnvironmentVariable("OMP_WAIT_POLICY") is not null) return;
        Assert.Equal(Environment.GetEnvironmentVariable(IdleThreads.Setting) ?? IdleThreads.Looks, IdleThreads.InForce);
    }
}
