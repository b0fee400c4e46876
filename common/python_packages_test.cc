#include "common/python_packages.h"

#include "gtest/gtest.h"

namespace penstock {
namespace {

TEST(PackageKeyTest, PipCountsSpellingsOfANameAsOne) {
  for (const char* one : {"Foo-bar", "foo_bar==1.0", "foo.bar @ https://example.com/x.zip", "foo._-bar"}) {
    EXPECT_EQ(PackageKey(one), "foo-bar") << one;
  }
  EXPECT_NE(PackageKey("foobar"), "foo-bar");
}

TEST(IsExactPackageTest, ANameAndOneVersion) {
  for (const char* one : {"numpy==1.26.4", "a==1", "zope.interface==6.0", "x==1!2.0", "x==1.0a1",
                          "x==1.0.dev3", "x==2.0rc1.post2", "x==1.0-1", "torch==2.1.0+cu118", "x==v1.0",
                          "Foo_Bar==1.0.post1.dev2+deb12u1", "x==1.0-beta.2"}) {
    EXPECT_TRUE(IsExactPackage(one)) << one;
  }
  for (const char* other : {"",
                            "numpy",
                            "==1",
                            "numpy==",
                            "numpy>=1",
                            "numpy==1.*",
                            "numpy===1.0",
                            "numpy == 1.0",
                            "numpy==1.0 ",
                            "numpy[x]==1.0",
                            "x==1.0_unknown",
                            "x==0.0.0-unknown",
                            "x==1.0,<2",
                            "x==1.0\n",
                            "-r==1",
                            "x==1.0+",
                            "x==1.0+a..b",
                            "x==1..0",
                            "x @ https://example.com/x.zip",
                            "x==1.0; python_version>'3'"}) {
    EXPECT_FALSE(IsExactPackage(other)) << other;
  }
}

}  // namespace
}  // namespace penstock
